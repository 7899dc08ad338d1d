//! A proof of one change as a document: what `audit prove` prints and `audit verify --proof` reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use syncline_engine::audit::limits::PROOF_TEXT_BYTES_MAX;
use syncline_engine::audit::tree::HeadTextError;
use syncline_engine::audit::{
    BatchLeaf, FieldError, Hash, HashTextError, Head, ProofError, ProofTextError, RecordFacts,
    RecordProof, from_hex, to_hex,
};
use syncline_hub::ChangeProof;
use syncline_model::json::{Json, JsonError, Object, parse};
use thiserror::Error;

use crate::failure::{Failure, Refusal};

/// The name and version of the form.
const SCHEMA: &str = "audit-proof/1";
/// Every member of the form.
const MEMBERS: [&str; 9] =
    ["schema", "entity", "id", "stamp", "before", "after", "entry", "head", "proof"];
/// Longest file of a proof: the proof itself, white space, and the facts beside it.
const FILE_BYTES_MAX: usize = 2 * PROOF_TEXT_BYTES_MAX;

/// Returns a proof as a document.
pub(super) fn to_document(proved: &ChangeProof) -> Object {
    let mut document = Object::new();
    document.insert("schema", SCHEMA);
    document.insert("entity", proved.facts.entity());
    document.insert("id", proved.facts.id());
    document.insert("stamp", to_hex(proved.facts.stamp()));
    document.insert("before", optional(proved.facts.before()));
    document.insert("after", optional(proved.facts.after()));
    document.insert("entry", Json::Number(proved.entry.into()));
    document.insert("head", proved.head.to_string());
    document.insert("proof", parse(proved.proof.to_json().as_bytes()).unwrap_or(Json::Null));
    document
}

/// A proof that was read from a file.
pub(super) struct Proof {
    /// What it says of a record.
    pub(super) facts: RecordFacts,
    entry: u64,
    head: Head,
    proof: RecordProof,
}

impl Proof {
    /// Reads a proof from a file, or from standard input if that is `-`.
    ///
    /// # Errors
    ///
    /// - [`Refusal::File`] if there is no such file.
    /// - [`ProofFault`] if it holds no proof.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let refused = |source| Refusal::File { action: "read", path: file.to_owned(), source };
        let mut bytes = Vec::new();
        let mut take = |source: &mut dyn Read| {
            source.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(refused)
        };
        match file == Path::new("-") {
            true => take(&mut io::stdin().lock())?,
            false => take(&mut File::open(file).map_err(refused)?)?,
        };
        Ok(Self::from_document(&bytes)?)
    }

    fn from_document(bytes: &[u8]) -> Result<Self, ProofFault> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(ProofFault::TooLong);
        }
        let document = parse(bytes)?;
        let document = document.as_object().ok_or(ProofFault::NotAnObject)?;
        let missing = |name| ProofFault::MemberMissing { name };
        let member = |name| document.get(name).ok_or(missing(name));
        let text = |name| member(name)?.as_str().ok_or(missing(name));
        let digest = |name| match member(name)? {
            Json::Null => Ok(None),
            _ => Ok::<_, ProofFault>(Some(text(name)?.parse::<Hash>()?)),
        };
        if text("schema")? != SCHEMA {
            return Err(ProofFault::FormatUnknown);
        }
        if document.keys().any(|key| !MEMBERS.contains(&key)) {
            return Err(ProofFault::MemberUnexpected);
        }
        let entry = member("entry")?.as_number().and_then(|entry| entry.as_str().parse().ok());
        let proof = member("proof")?;
        proof.as_object().ok_or(missing("proof"))?;
        let stamp = from_hex(text("stamp")?)?;
        let (before, after) = (digest("before")?, digest("after")?);
        Ok(Self {
            facts: RecordFacts::new(text("entity")?, text("id")?, &stamp, before, after)?,
            entry: entry.ok_or(missing("entry"))?,
            head: text("head")?.parse()?,
            proof: RecordProof::from_json(&proof.to_compact_string())?,
        })
    }

    /// Returns how many entries the log had that the proof was made for.
    pub(super) const fn size(&self) -> u64 {
        self.proof.tree_size()
    }

    /// Returns the open facts of the batch that the record was part of.
    pub(super) const fn leaf(&self) -> &BatchLeaf {
        self.proof.leaf()
    }

    /// Returns what became of the record.
    pub(super) const fn change(&self) -> &'static str {
        match (self.facts.before(), self.facts.after()) {
            (None, Some(_)) => "added",
            (_, None) => "deleted",
            (Some(_), Some(_)) => "updated",
        }
    }

    /// Checks everything that the document says against a head that is believed.
    ///
    /// # Errors
    ///
    /// [`ProofFault::Fails`] if any of it is otherwise.
    pub(super) fn verify(&self, head: &Head) -> Result<(), ProofFault> {
        self.proof.verify(&self.facts, head)?;
        if self.entry != self.leaf().index() {
            return Err(ProofError::RecordDiffers.into());
        }
        // What stands beside the proof is not believed, but a proof that contradicts it is no proof.
        match self.head == *head {
            true => Ok(()),
            false => Err(ProofError::LeafDiffers.into()),
        }
    }

    /// Returns what is proved, as a document.
    pub(super) fn to_json(&self) -> Object {
        let facts = self.leaf().facts();
        let mut document = Object::new();
        document.insert("schema", "audit-proof-verify/1");
        document.insert("holds", Json::Bool(true));
        document.insert("entity", self.facts.entity());
        document.insert("id", self.facts.id());
        document.insert("change", self.change());
        document.insert("before", optional(self.facts.before()));
        document.insert("after", optional(self.facts.after()));
        document.insert("entry", Json::Number(self.leaf().index().into()));
        document.insert("atMs", Json::Number(facts.at_ms.into()));
        document.insert("category", facts.category.as_str());
        document.insert("action", facts.action.as_str());
        document.insert("origin", facts.origin.as_str());
        let run = facts.run.as_deref();
        document.insert("runId", run.map_or(Json::Null, Json::from));
        document
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// The file is larger than any proof.
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// The file is not JSON.
    #[error(transparent)]
    NotJson(#[from] JsonError),
    /// The file is JSON of another kind.
    #[error("a proof is a JSON object")]
    NotAnObject,
    /// A member is not there, or of another kind.
    #[error("member `{name}` is missing, or of another kind")]
    MemberMissing {
        /// The member.
        name: &'static str,
    },
    /// A member is not known.
    #[error("it has a member beside {}", MEMBERS.join(", "))]
    MemberUnexpected,
    /// The document is none of this version.
    #[error("its `schema` is not {SCHEMA}")]
    FormatUnknown,
    /// A text is not the head of a log.
    #[error(transparent)]
    Head(#[from] HeadTextError),
    /// A text is not a digest.
    #[error(transparent)]
    Hash(#[from] HashTextError),
    /// What is said of the record is longer than such facts are.
    #[error(transparent)]
    Facts(#[from] FieldError),
    /// The proof itself cannot be read.
    #[error(transparent)]
    Text(#[from] ProofTextError),
    /// The proof does not hold.
    #[error(transparent)]
    Fails(#[from] ProofError),
}

impl ProofFault {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "AUDIT_PROOF_TOO_LONG",
            Self::NotJson(_) | Self::NotAnObject => "AUDIT_PROOF_SYNTAX",
            Self::MemberMissing { .. } => "AUDIT_PROOF_MEMBER_MISSING",
            Self::MemberUnexpected => "AUDIT_PROOF_MEMBER_UNEXPECTED",
            Self::FormatUnknown => "AUDIT_PROOF_FORMAT_UNKNOWN",
            Self::Head(error) => error.code(),
            Self::Hash(error) => error.code(),
            Self::Facts(error) => error.code(),
            Self::Text(error) => error.code(),
            Self::Fails(error) => error.code(),
        }
    }

    /// Returns whether it is a proof, though one that does not hold.
    pub const fn is_readable(&self) -> bool {
        matches!(self, Self::Fails(_))
    }

    /// Returns what to do next.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Fails(ProofError::SizeDiffers { .. }) => {
                "give the head of that size with --head, or make a new one: syncline audit prove <entity> <id>"
            }
            Self::Fails(_) => "do not believe it; check the head, and ask for a new proof",
            _ => "make a new one: syncline audit prove <entity> <id>",
        }
    }
}

fn optional(hash: Option<Hash>) -> Json {
    hash.map_or(Json::Null, |hash| Json::from(hash.to_string()))
}
