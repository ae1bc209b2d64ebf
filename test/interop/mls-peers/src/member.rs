//! What a member can do, whichever library it is made with. All members speak suite 0x0001 and send Commits as
//! PrivateMessages, as Conclave does (docs/protocol.md#mls).

use serde::{Deserialize, Serialize};

/// Conclave's extensions: meeting parameters, the join of a leaf, proof and sealed name of a KeyPackage.
pub const MEETING_PARAMETERS: u16 = 0xf0c1;
pub const LEAF_JOIN: u16 = 0xf0c2;
pub const INVITATION_PROOF: u16 = 0xf0c3;
/// Length of the proof at the beginning of the extension's value.
pub const PROOF_BYTES: usize = 32;

/// Any failure, in words: the test prints it.
pub type Outcome<T> = Result<T, String>;

/// Turns any error into words.
pub fn words<E: std::fmt::Debug>(what: &'static str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error:?}")
}

/// What a joiner knows of the meeting, from its invitation.
#[derive(Deserialize, Clone)]
pub struct Invitation {
    #[serde(with = "hex")]
    pub group: Vec<u8>,
    #[serde(with = "hex")]
    pub join_proof_key: Vec<u8>,
    #[serde(with = "hex")]
    pub psk_id: Vec<u8>,
    #[serde(with = "hex")]
    pub psk: Vec<u8>,
    /// Value of extension 0xF0C2.
    #[serde(with = "hex")]
    pub leaf_join: Vec<u8>,
    /// Nonce, ciphertext and tag of the name.
    #[serde(with = "hex")]
    pub sealed_name: Vec<u8>,
}

impl Invitation {
    /// What the proof in extension 0xF0C3 is the HMAC of.
    pub fn proof_subject(&self, signature_key: &[u8], init_key: &[u8]) -> Vec<u8> {
        [&self.group[..], signature_key, init_key, &self.leaf_join].concat()
    }
}

/// What a Commit is to do.
#[derive(Deserialize)]
pub struct Plan {
    /// MLSMessages with a KeyPackage each, in hexadecimal.
    pub adds: Vec<String>,
    /// Leaves.
    pub removes: Vec<u32>,
    /// New value of extension 0xF0C1, in hexadecimal.
    pub parameters: Option<String>,
    /// Whether there is to be a path even where RFC 9420 asks for none.
    pub path: bool,
}

/// A Commit that its author has not merged yet.
#[derive(Serialize)]
pub struct Committed {
    #[serde(with = "hex")]
    pub commit: Vec<u8>,
    pub welcome: Option<String>,
}

/// What all members of an epoch have in common, and which leaf this one has.
#[derive(Serialize)]
pub struct View {
    pub epoch: u64,
    #[serde(with = "hex")]
    pub authenticator: Vec<u8>,
    #[serde(with = "hex")]
    pub exported: Vec<u8>,
    pub leaf: u32,
}

/// What a Commit has done to the member that processed it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Processed {
    Epoch { view: View },
    Removed,
}

/// A member, or somebody who is about to become one.
pub trait GroupMember {
    /// An MLSMessage with a KeyPackage. Asked for once, first.
    fn key_package(&mut self) -> Outcome<Vec<u8>>;
    /// Joins by an MLSMessage with a Welcome.
    fn join(&mut self, welcome: &[u8]) -> Outcome<View>;
    /// Makes a Commit and stays in its epoch.
    fn commit(&mut self, plan: &Plan) -> Outcome<Committed>;
    /// Merges the Commit that it made.
    fn merge(&mut self) -> Outcome<View>;
    /// Processes somebody's Commit, an MLSMessage with a PrivateMessage.
    fn process(&mut self, commit: &[u8]) -> Outcome<Processed>;
}

/// What is exported in each epoch, to compare key schedules beyond the authenticator.
pub const EXPORTER_LABEL: &str = "SecureObject MLS Master Key";
pub const EXPORTED_BYTES: usize = 32;

/// Decodes hexadecimal.
pub fn bytes(text: &str) -> Outcome<Vec<u8>> {
    hex::decode(text).map_err(words("hexadecimal"))
}
