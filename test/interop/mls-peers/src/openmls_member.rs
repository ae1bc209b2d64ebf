//! A member made with OpenMLS.

use std::cell::RefCell;
use std::collections::VecDeque;

use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::*;
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::{MemoryStorage, RandError, RustCrypto};
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::types::HashType;

use crate::member::*;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

/// Randomness that can be played once more: OpenMLS draws the init key within `build`, to which the extension that proves
/// knowledge of it has to be given.
#[derive(Default)]
struct Recorded {
    source: RustCrypto,
    drawn: RefCell<VecDeque<Vec<u8>>>,
    again: RefCell<VecDeque<Vec<u8>>>,
}

impl Recorded {
    /// What was drawn so far comes again, in order.
    fn rewind(&self) {
        *self.again.borrow_mut() = std::mem::take(&mut self.drawn.borrow_mut());
    }
}

impl OpenMlsRand for Recorded {
    type Error = RandError;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], RandError> {
        let drawn = self.random_vec(N)?;
        drawn.try_into().map_err(|_| RandError::NotEnoughRandomness)
    }

    fn random_vec(&self, length: usize) -> Result<Vec<u8>, RandError> {
        let drawn = match self.again.borrow_mut().pop_front() {
            Some(before) if before.len() == length => before,
            _ => self.source.random_vec(length)?,
        };
        self.drawn.borrow_mut().push_back(drawn.clone());
        Ok(drawn)
    }
}

#[derive(Default)]
struct Provider {
    crypto: RustCrypto,
    random: Recorded,
    storage: MemoryStorage,
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = Recorded;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &Recorded {
        &self.random
    }
}

pub struct OpenMlsMember {
    invitation: Invitation,
    provider: Provider,
    signer: SignatureKeyPair,
    group: Option<MlsGroup>,
}

fn unknown(kind: u16, value: Vec<u8>) -> Extension {
    Extension::Unknown(kind, UnknownExtension(value))
}

impl OpenMlsMember {
    pub fn new(invitation: Invitation) -> Outcome<Self> {
        let signer = SignatureKeyPair::new(SignatureScheme::ED25519).map_err(words("signature key"))?;
        let provider = Provider::default();
        signer.store(provider.storage()).map_err(words("store"))?;
        let psk = Psk::External(ExternalPsk::new(invitation.psk_id.clone()));
        PreSharedKeyId::new(SUITE, provider.rand(), psk)
            .map_err(words("PSK id"))?
            .store(&provider, &invitation.psk)
            .map_err(words("PSK"))?;
        Ok(Self { invitation, provider, signer, group: None })
    }

    fn build(&self, provider: &Provider, proof: Vec<u8>) -> Outcome<KeyPackage> {
        let crypto = provider.crypto();
        let identity = crypto.hash(HashType::Sha2_256, self.signer.public()).map_err(words("hash"))?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.signer.public().to_vec().into(),
        };
        let types = [MEETING_PARAMETERS, LEAF_JOIN, INVITATION_PROOF].map(ExtensionType::Unknown);
        let capabilities = Capabilities::new(None, Some(&[SUITE]), Some(&types), None, None);
        let leaf = Extensions::single(unknown(LEAF_JOIN, self.invitation.leaf_join.clone()))
            .map_err(words("leaf extensions"))?;
        let value = [proof, self.invitation.sealed_name.clone()].concat();
        let package = Extensions::single(unknown(INVITATION_PROOF, value)).map_err(words("extensions"))?;
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities)
            .leaf_node_extensions(leaf)
            .key_package_extensions(package)
            .key_package_lifetime(Lifetime::new(7 * 24 * 3600))
            .build(SUITE, provider, &self.signer, credential)
            .map_err(words("KeyPackage"))?;
        Ok(bundle.into_key_package())
    }

    fn view(&self) -> Outcome<View> {
        let group = self.group.as_ref().ok_or("no group")?;
        let exported = group
            .export_secret(self.provider.crypto(), EXPORTER_LABEL, &[], EXPORTED_BYTES)
            .map_err(words("exporter"))?;
        Ok(View {
            epoch: group.epoch().as_u64(),
            authenticator: group.epoch_authenticator().as_slice().to_vec(),
            exported,
            leaf: group.own_leaf_index().u32(),
        })
    }
}

impl GroupMember for OpenMlsMember {
    fn key_package(&mut self) -> Outcome<Vec<u8>> {
        let draft_provider = Provider::default();
        let draft = self.build(&draft_provider, vec![0; PROOF_BYTES])?;
        let init_key = draft.hpke_init_key().as_slice().to_vec();
        draft_provider.random.rewind();
        self.provider.random.again.replace(draft_provider.random.again.take());
        let subject = self.invitation.proof_subject(self.signer.public(), &init_key);
        // HKDF-Extract is HMAC(salt, ikm).
        let proof = self
            .provider
            .crypto()
            .hkdf_extract(HashType::Sha2_256, &self.invitation.join_proof_key, &subject)
            .map_err(words("proof"))?;
        let package = self.build(&self.provider, proof.as_slice().to_vec())?;
        if package.hpke_init_key().as_slice() != init_key {
            return Err("OpenMLS drew another init key from the same randomness".into());
        }
        MlsMessageOut::from(package).tls_serialize_detached().map_err(words("encode"))
    }

    fn join(&mut self, welcome: &[u8]) -> Outcome<View> {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        let message = MlsMessageIn::tls_deserialize_exact(welcome).map_err(words("decode"))?;
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            return Err("not a Welcome".into());
        };
        let group = StagedWelcome::new_from_welcome(&self.provider, &config, welcome, None)
            .and_then(|staged| staged.into_group(&self.provider))
            .map_err(words("Welcome"))?;
        self.group = Some(group);
        self.view()
    }

    fn commit(&mut self, plan: &Plan) -> Outcome<Committed> {
        let provider = &self.provider;
        let group = self.group.as_mut().ok_or("no group")?;
        let mut adds = Vec::new();
        for add in &plan.adds {
            let message = MlsMessageIn::tls_deserialize_exact(bytes(add)?).map_err(words("decode"))?;
            let MlsMessageBodyIn::KeyPackage(package) = message.extract() else {
                return Err("not a KeyPackage".into());
            };
            adds.push(
                package.validate(provider.crypto(), ProtocolVersion::Mls10).map_err(words("KeyPackage"))?,
            );
        }
        let with_psk = !adds.is_empty();
        let mut builder = group
            .commit_builder()
            .force_self_update(plan.path)
            .propose_removals(plan.removes.iter().map(|leaf| LeafNodeIndex::new(*leaf)))
            .propose_adds(adds);
        if with_psk {
            let psk = Psk::External(ExternalPsk::new(self.invitation.psk_id.clone()));
            let id = PreSharedKeyId::new(SUITE, provider.rand(), psk).map_err(words("PSK id"))?;
            builder = builder.add_proposal(Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id))));
        }
        if let Some(parameters) = &plan.parameters {
            let value = Extensions::single(unknown(MEETING_PARAMETERS, bytes(parameters)?))
                .map_err(words("GroupContext"))?;
            builder = builder.propose_group_context_extensions(value).map_err(words("GroupContext"))?;
        }
        let bundle = builder
            .load_psks(provider.storage())
            .map_err(words("load PSKs"))?
            .build(provider.rand(), provider.crypto(), &self.signer, |_| true)
            .map_err(words("build"))?
            .stage_commit(provider)
            .map_err(words("stage"))?;
        let commit = bundle.commit().tls_serialize_detached().map_err(words("encode"))?;
        let welcome = bundle
            .to_welcome_msg()
            .map(|message| message.tls_serialize_detached().map(hex::encode))
            .transpose()
            .map_err(words("encode"))?;
        Ok(Committed { commit, welcome })
    }

    fn merge(&mut self) -> Outcome<View> {
        let group = self.group.as_mut().ok_or("no group")?;
        group.merge_pending_commit(&self.provider).map_err(words("merge"))?;
        self.view()
    }

    fn process(&mut self, commit: &[u8]) -> Outcome<Processed> {
        let group = self.group.as_mut().ok_or("no group")?;
        let message = MlsMessageIn::tls_deserialize_exact(commit)
            .map_err(words("decode"))?
            .try_into_protocol_message()
            .map_err(words("decode"))?;
        let processed = group.process_message(&self.provider, message).map_err(words("process"))?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err("not a Commit".into());
        };
        group.merge_staged_commit(&self.provider, *staged).map_err(words("merge"))?;
        if !group.is_active() {
            self.group = None;
            return Ok(Processed::Removed);
        }
        Ok(Processed::Epoch { view: self.view()? })
    }
}
