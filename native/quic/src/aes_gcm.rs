//! AES-GCM over ring, on memory of JavaScript's: what is sealed or opened is written once, where it stays.

use std::mem::{needs_drop, MaybeUninit};

use ring::aead::{Aad, LessSafeKey, Nonce, Tag, UnboundKey, AES_128_GCM, AES_256_GCM};
use zeroize::Zeroize;

use crate::failure::Failure;

/// Bytes of a tag, which is always whole.
const TAG: usize = 16;
/// Most bytes that are sealed or opened at a time; the largest objects of MOQT that are taken have half of it.
const MAX_LENGTH: usize = 8 * 1024 * 1024;

/// ring's key schedule, which is overwritten when it has served: ring does not do that.
struct Key(MaybeUninit<LessSafeKey>);

impl Key {
    fn new(bytes: &[u8]) -> Result<Self, Failure> {
        const { assert!(!needs_drop::<LessSafeKey>(), "overwriting it is all there is to do") }
        let invalid = || Failure::option("a key must have 16 or 32 bytes");
        let algorithm = match bytes.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return Err(invalid()),
        };
        let key = UnboundKey::new(algorithm, bytes).map_err(|_| invalid())?;
        Ok(Key(MaybeUninit::new(LessSafeKey::new(key))))
    }

    #[allow(unsafe_code)]
    fn get(&self) -> &LessSafeKey {
        // SAFETY: `new` initialised it, and only `drop` overwrites it.
        unsafe { self.0.assume_init_ref() }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What an object is sealed or opened with, besides itself.
pub struct With<'a> {
    pub key: &'a [u8],
    pub nonce: &'a [u8],
    pub aad: &'a [u8],
}

impl<'a> With<'a> {
    fn check(&self, text: &[u8]) -> Result<(Key, Nonce, Aad<&'a [u8]>), Failure> {
        if text.len() > MAX_LENGTH || self.aad.len() > MAX_LENGTH {
            return Err(Failure::option("at most 8 MiB are sealed or opened at a time"));
        }
        let nonce = Nonce::try_assume_unique_for_key(self.nonce)
            .map_err(|_| Failure::option("a nonce must have 12 bytes"))?;
        Ok((Key::new(self.key)?, nonce, Aad::from(self.aad)))
    }
}

/// Seals in place: `sealed` is the plaintext with 16 bytes behind it, which the tag takes.
pub fn seal(with: &With<'_>, sealed: &mut [u8]) -> Result<(), Failure> {
    let (text, tag) = sealed
        .split_last_chunk_mut::<TAG>()
        .ok_or_else(|| Failure::option("behind the plaintext there must be 16 bytes for the tag"))?;
    let (key, nonce, aad) = with.check(text)?;
    let made = key.get().seal_in_place_separate_tag(nonce, aad, text);
    let made = made.map_err(|_| Failure::option("too long for AES-GCM"))?;
    tag.copy_from_slice(made.as_ref());
    Ok(())
}

/// Opens `sealed` into `text`, which is 16 bytes shorter. What is not authentic gives `false`, and zeros.
pub fn open(with: &With<'_>, sealed: &[u8], text: &mut [u8]) -> Result<bool, Failure> {
    let split = sealed.split_last_chunk::<TAG>().filter(|(ciphertext, _)| ciphertext.len() == text.len());
    let (ciphertext, tag) =
        split.ok_or_else(|| Failure::option("a plaintext must have 16 bytes less than what it is of"))?;
    let (key, nonce, aad) = with.check(text)?;
    text.copy_from_slice(ciphertext);
    Ok(key.get().open_in_place_separate_tag(nonce, aad, Tag::from(*tag), text, 0..).is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Test case 4 of McGrew and Viega: AES-128, 20 bytes of additional data, 60 of text.
    const KEY: [u8; 16] = 0xfeff_e992_8665_731c_6d6a_8f94_6730_8308_u128.to_be_bytes();
    const NONCE: &str = "cafebabefacedbaddecaf888";
    const AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
    const TEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
    const SEALED: &str = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn seals_and_opens_test_case_4() {
        let (nonce, aad, text) = (bytes(NONCE), bytes(AAD), bytes(TEXT));
        let with = With { key: &KEY, nonce: &nonce, aad: &aad };
        let mut sealed = [&text[..], &[0; TAG]].concat();
        seal(&with, &mut sealed).unwrap();
        assert_eq!(sealed, bytes(SEALED));
        let mut opened = vec![1; text.len()];
        assert!(open(&with, &sealed, &mut opened).unwrap());
        assert_eq!(opened, text);
    }

    #[test]
    fn what_is_not_authentic_gives_zeros() {
        let (nonce, aad, sealed) = (bytes(NONCE), bytes(AAD), bytes(SEALED));
        let mut opened = vec![1; sealed.len() - TAG];
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let with = With { key: &KEY, nonce: &nonce, aad: &aad };
            assert!(!open(&with, &changed, &mut opened).unwrap());
            assert!(opened.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn refuses_what_has_another_length() {
        let with = |key, nonce| With { key, nonce, aad: &[] };
        let zeros = vec![0; MAX_LENGTH + TAG + 1];
        let mut text = zeros.clone();
        let good = with(&KEY, &zeros[..12]);
        for length in 0..TAG {
            assert!(seal(&good, &mut text[..length]).is_err());
            assert!(open(&good, &zeros[..length], &mut []).is_err());
        }
        assert!(seal(&good, &mut text[..MAX_LENGTH + TAG]).is_ok());
        assert!(seal(&good, &mut text[..MAX_LENGTH + TAG + 1]).is_err());
        assert!(!open(&good, &zeros[..MAX_LENGTH + TAG], &mut text[..MAX_LENGTH]).unwrap());
        assert!(open(&good, &zeros[..MAX_LENGTH + TAG + 1], &mut text[..MAX_LENGTH + 1]).is_err());
        assert!(open(&good, &zeros[..100], &mut text[..83]).is_err());
        assert!(open(&good, &zeros[..100], &mut text[..85]).is_err());
        for length in (0..64).filter(|length| ![16, 32].contains(length)) {
            assert!(seal(&with(&zeros[..length], &zeros[..12]), &mut text[..100]).is_err());
        }
        for length in (0..64).filter(|length| *length != 12) {
            assert!(seal(&with(&KEY, &zeros[..length]), &mut text[..100]).is_err());
        }
        assert!(seal(&With { key: &KEY, nonce: &zeros[..12], aad: &zeros }, &mut text[..100]).is_err());
    }

    #[test]
    #[allow(unsafe_code)]
    fn a_key_that_served_is_overwritten() {
        let mut key = std::mem::ManuallyDrop::new(Key::new(&KEY).unwrap());
        let bytes = std::ptr::from_mut(&mut key.0).cast::<MaybeUninit<u8>>();
        // SAFETY: it stays in place, all zeros, when it has been dropped, and is read as bytes alone.
        unsafe {
            std::mem::ManuallyDrop::drop(&mut key);
            for at in 0..size_of::<LessSafeKey>() {
                assert_eq!((*bytes.add(at)).assume_init(), 0);
            }
        }
    }
}
