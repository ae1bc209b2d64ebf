//! A member made with mls-rs.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mls_rs::client_builder::MlsConfig;
use mls_rs::crypto::SignatureSecretKey;
use mls_rs::group::{CommitEffect, ReceivedMessage};
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::psk::{ExternalPskId, PreSharedKey};
use mls_rs::storage_provider::KeyPackageData;
use mls_rs::{
    CipherSuite, CipherSuiteProvider, Client, CryptoProvider, Extension, ExtensionList, Group,
    KeyPackageStorage, MlsMessage,
};
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

use crate::member::*;

const SUITE: CipherSuite = CipherSuite::CURVE25519_AES128;
/// An Ed25519 signature and its length, at the end of a KeyPackage.
const SIGNATURE_BYTES: usize = 64 + 2;

/// The one KeyPackage of a member, with its private part.
#[derive(Clone, Default)]
struct OnePackage(Arc<Mutex<Option<(Vec<u8>, KeyPackageData)>>>);

impl KeyPackageStorage for OnePackage {
    type Error = Infallible;

    fn delete(&mut self, id: &[u8]) -> Result<(), Infallible> {
        let mut held = self.0.lock().expect("not poisoned");
        held.take_if(|(known, _)| known == id);
        Ok(())
    }

    fn insert(&mut self, id: Vec<u8>, package: KeyPackageData) -> Result<(), Infallible> {
        *self.0.lock().expect("not poisoned") = Some((id, package));
        Ok(())
    }

    fn get(&self, id: &[u8]) -> Result<Option<KeyPackageData>, Infallible> {
        let held = self.0.lock().expect("not poisoned");
        Ok(held.as_ref().filter(|(known, _)| known == id).map(|(_, package)| package.clone()))
    }
}

pub struct MlsRsMember<C: MlsConfig> {
    invitation: Invitation,
    client: Client<C>,
    secret: SignatureSecretKey,
    public: Vec<u8>,
    package: OnePackage,
    group: Option<Group<C>>,
}

fn provider() -> impl CipherSuiteProvider {
    RustCryptoProvider::default().cipher_suite_provider(SUITE).expect("a suite of the provider")
}

/// A member; `path` says whether its Commits have a path even where RFC 9420 asks for none.
pub fn mls_rs_member(invitation: Invitation, path: bool) -> Outcome<Box<dyn GroupMember>> {
    let suite = provider();
    let (secret, public) = suite.signature_key_generate().map_err(words("signature key"))?;
    let identity = suite.hash(&public).map_err(words("hash"))?;
    let package = OnePackage::default();
    let rules = DefaultMlsRules::new()
        .with_commit_options(CommitOptions::new().with_path_required(path))
        .with_encryption_options(EncryptionOptions::new(true, Default::default()));
    let client = Client::builder()
        .crypto_provider(RustCryptoProvider::default())
        .identity_provider(BasicIdentityProvider::new())
        .mls_rules(rules)
        .extension_types([MEETING_PARAMETERS, LEAF_JOIN, INVITATION_PROOF].map(Into::into))
        .key_package_lifetime(Duration::from_secs(7 * 24 * 3600))
        .key_package_repo(package.clone())
        .psk(ExternalPskId::new(invitation.psk_id.clone()), PreSharedKey::new(invitation.psk.clone()))
        .signing_identity(
            SigningIdentity::new(BasicCredential::new(identity).into_credential(), public.clone()),
            secret.clone(),
            SUITE,
        )
        .build();
    let public = public.as_bytes().to_vec();
    Ok(Box::new(MlsRsMember { invitation, client, secret, public, package, group: None }))
}

/// `opaque<V>` of less than 16 KiB. See RFC 9420 §2.1.2.
fn opaque(value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..64 => vec![short as u8],
        long => (0x4000 | long as u16).to_be_bytes().to_vec(),
    };
    [&length[..], value].concat()
}

impl<C: MlsConfig> MlsRsMember<C> {
    fn group(&mut self) -> Outcome<&mut Group<C>> {
        self.group.as_mut().ok_or_else(|| "no group".into())
    }

    fn view(&mut self) -> Outcome<View> {
        let group = self.group()?;
        Ok(View {
            epoch: group.current_epoch(),
            authenticator: group.epoch_authenticator().map_err(words("authenticator"))?.to_vec(),
            exported: group
                .export_secret(EXPORTER_LABEL.as_bytes(), &[], EXPORTED_BYTES)
                .map_err(words("exporter"))?
                .to_vec(),
            leaf: group.current_member_index(),
        })
    }
}

impl<C: MlsConfig> GroupMember for MlsRsMember<C> {
    /// mls-rs draws the init key when it makes the KeyPackage. So the proof of it takes the place of zeros afterwards, and
    /// the KeyPackage is signed again.
    fn key_package(&mut self) -> Outcome<Vec<u8>> {
        let suite = provider();
        let value = [vec![0; PROOF_BYTES], self.invitation.sealed_name.clone()].concat();
        let extension =
            |kind: u16, value: Vec<u8>| ExtensionList::from(vec![Extension::new(kind.into(), value)]);
        let leaf = extension(LEAF_JOIN, self.invitation.leaf_join.clone());
        self.client
            .generate_key_package_message(extension(INVITATION_PROOF, value.clone()), leaf, None)
            .map_err(words("KeyPackage"))?;
        let (_, drawn) = self.package.0.lock().expect("not poisoned").take().ok_or("nothing was stored")?;
        let mut content = drawn.key_package_bytes.clone();
        content.truncate(content.len() - SIGNATURE_BYTES);
        // Version and suite come first, then the init key.
        let init_key = &content[5..37];
        let subject = self.invitation.proof_subject(&self.public, init_key);
        let proof = suite.mac(&self.invitation.join_proof_key, &subject).map_err(words("proof"))?;
        let end = content.len() - self.invitation.sealed_name.len();
        content[end - PROOF_BYTES..end].copy_from_slice(&proof);
        let tbs = [opaque(b"MLS 1.0 KeyPackageTBS"), opaque(&content)].concat();
        let signature = suite.sign(&self.secret, &tbs).map_err(words("sign"))?;
        let package = [content, opaque(&signature)].concat();
        let referred = [opaque(b"MLS 1.0 KeyPackage Reference"), opaque(&package)].concat();
        let reference = suite.hash(&referred).map_err(words("hash"))?;
        let data =
            KeyPackageData::new(package.clone(), drawn.init_key, drawn.leaf_node_key, drawn.expiration);
        *self.package.0.lock().expect("not poisoned") = Some((reference, data));
        // MLSMessage: mls10, mls_key_package.
        Ok([&[0, 1, 0, 5][..], &package].concat())
    }

    fn join(&mut self, welcome: &[u8]) -> Outcome<View> {
        let welcome = MlsMessage::from_bytes(welcome).map_err(words("decode"))?;
        let (group, _) = self.client.join_group(None, &welcome, None).map_err(words("Welcome"))?;
        self.group = Some(group);
        self.view()
    }

    fn commit(&mut self, plan: &Plan) -> Outcome<Committed> {
        let psk = ExternalPskId::new(self.invitation.psk_id.clone());
        let mut builder = self.group()?.commit_builder();
        for leaf in &plan.removes {
            builder = builder.remove_member(*leaf).map_err(words("Remove"))?;
        }
        for add in &plan.adds {
            let package = MlsMessage::from_bytes(&bytes(add)?).map_err(words("decode"))?;
            builder = builder.add_member(package).map_err(words("Add"))?;
        }
        if !plan.adds.is_empty() {
            builder = builder.add_external_psk(psk).map_err(words("PSK"))?;
        }
        if let Some(parameters) = &plan.parameters {
            let extension = Extension::new(MEETING_PARAMETERS.into(), bytes(parameters)?);
            let extensions = ExtensionList::from(vec![extension]);
            builder = builder.set_group_context_ext(extensions).map_err(words("GroupContext"))?;
        }
        let output = builder.build().map_err(words("build"))?;
        let commit = output.commit_message.to_bytes().map_err(words("encode"))?;
        let welcome = output
            .welcome_messages
            .first()
            .map(|message| message.to_bytes().map(hex::encode))
            .transpose()
            .map_err(words("encode"))?;
        Ok(Committed { commit, welcome })
    }

    fn merge(&mut self) -> Outcome<View> {
        self.group()?.apply_pending_commit().map_err(words("merge"))?;
        self.view()
    }

    fn process(&mut self, commit: &[u8]) -> Outcome<Processed> {
        let message = MlsMessage::from_bytes(commit).map_err(words("decode"))?;
        match self.group()?.process_incoming_message(message).map_err(words("process"))? {
            ReceivedMessage::Commit(description) => match description.effect {
                CommitEffect::NewEpoch(_) => Ok(Processed::Epoch { view: self.view()? }),
                CommitEffect::Removed { .. } => {
                    self.group = None;
                    Ok(Processed::Removed)
                }
                CommitEffect::ReInit(_) => Err("a ReInit".into()),
            },
            _ => Err("not a Commit".into()),
        }
    }
}
