//! The JSON text of a record proof: one flat object of texts, numbers and lists of hashes.
//!
//! Written by hand so that the text is stable to the byte. The reader accepts members in any order
//! and white space anywhere, as after pretty-printing; it refuses unknown, missing and repeated
//! members, and escapes, of which no valid proof has any.

use thiserror::Error;

use super::bytes::DecodeError;
use super::commitment::Salt;
use super::hash::{Hash, HashTextError, from_hex, to_hex};
use super::leaf::BatchLeaf;
use super::limits::{PATH_HASHES_MAX, PROOF_TEXT_BYTES_MAX};
use super::proof::RecordProof;

/// Names the format and its version.
const FORMAT: &str = "syncline-audit-record/1";

impl RecordProof {
    /// Returns the proof as one line of JSON, the same for equal proofs:
    ///
    /// ```json
    /// {"format":"syncline-audit-record/1","salt":"…","record_index":0,"record_path":["…"],
    ///  "leaf":"…","tree_size":9,"tree_path":["…"]}
    /// ```
    ///
    /// Hashes, the salt and the leaf's canonical bytes are lower-case hexadecimal.
    pub fn to_json(&self) -> String {
        let list = |path: &[Hash]| {
            let quoted: Vec<String> = path.iter().map(|hash| format!("\"{hash}\"")).collect();
            quoted.join(",")
        };
        format!(
            "{{\"format\":\"{FORMAT}\",\"salt\":\"{}\",\"record_index\":{},\"record_path\":[{}],\
             \"leaf\":\"{}\",\"tree_size\":{},\"tree_path\":[{}]}}",
            to_hex(self.salt.as_bytes()),
            self.record_index,
            list(&self.record_path),
            to_hex(&self.leaf.encode()),
            self.tree_size,
            list(&self.tree_path),
        )
    }

    /// Reads a proof from JSON. Whether it holds is for [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// Any [`ProofTextError`]; the text is not a proof of this version.
    pub fn from_json(text: &str) -> Result<Self, ProofTextError> {
        if text.len() > PROOF_TEXT_BYTES_MAX {
            return Err(ProofTextError::TooLong {
                found_bytes: text.len(),
                bytes_max: PROOF_TEXT_BYTES_MAX,
            });
        }
        let members = Members::read(text)?;
        if members.format.ok_or(missing("format"))? != FORMAT {
            return Err(ProofTextError::UnknownFormat);
        }
        let salt: Hash = members.salt.ok_or(missing("salt"))?.parse()?;
        let leaf = from_hex(members.leaf.ok_or(missing("leaf"))?)?;
        Ok(Self {
            salt: Salt::new(*salt.as_bytes()),
            record_index: members.record_index.ok_or(missing("record_index"))?,
            record_path: members.record_path.ok_or(missing("record_path"))?,
            leaf: BatchLeaf::decode(&leaf)?,
            tree_size: members.tree_size.ok_or(missing("tree_size"))?,
            tree_path: members.tree_path.ok_or(missing("tree_path"))?,
        })
    }
}

/// Why a text is not a record proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofTextError {
    /// The text is longer than any proof.
    #[error("proof has {found_bytes} bytes; at most {bytes_max} are read")]
    TooLong {
        /// Length of the text, in bytes.
        found_bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Another character was expected.
    #[error("not the JSON of a proof, at byte {offset}")]
    Syntax {
        /// Where, in bytes from the start of the text.
        offset: usize,
    },
    /// A member is unknown or stands twice.
    #[error("unknown or repeated member, before byte {offset}")]
    UnexpectedMember {
        /// Where the member's value starts, in bytes.
        offset: usize,
    },
    /// A member is not there.
    #[error("member `{name}` is missing")]
    MissingMember {
        /// Name of the member.
        name: &'static str,
    },
    /// A path has more hashes than any tree is high.
    #[error("path is longer than {hashes_max} hashes")]
    PathTooLong {
        /// The limit, in hashes.
        hashes_max: usize,
    },
    /// The text names another format or version.
    #[error("format of the proof is not {FORMAT}")]
    UnknownFormat,
    /// A text is not hexadecimal or not a hash.
    #[error(transparent)]
    BadHash(#[from] HashTextError),
    /// The leaf cannot be read.
    #[error(transparent)]
    BadLeaf(#[from] DecodeError),
}

impl ProofTextError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "AUDIT_PROOF_TOO_LONG",
            Self::Syntax { .. } => "AUDIT_PROOF_SYNTAX",
            Self::UnexpectedMember { .. } => "AUDIT_PROOF_MEMBER_UNEXPECTED",
            Self::MissingMember { .. } => "AUDIT_PROOF_MEMBER_MISSING",
            Self::PathTooLong { .. } => "AUDIT_PROOF_PATH_TOO_LONG",
            Self::UnknownFormat => "AUDIT_PROOF_FORMAT_UNKNOWN",
            Self::BadHash(cause) => cause.code(),
            Self::BadLeaf(cause) => cause.code(),
        }
    }
}

const fn missing(name: &'static str) -> ProofTextError {
    ProofTextError::MissingMember { name }
}

/// The members of the object, as they were found.
#[derive(Default)]
struct Members<'a> {
    format: Option<&'a str>,
    salt: Option<&'a str>,
    record_index: Option<u64>,
    record_path: Option<Vec<Hash>>,
    leaf: Option<&'a str>,
    tree_size: Option<u64>,
    tree_path: Option<Vec<Hash>>,
}

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Self, ProofTextError> {
        let mut members = Self::default();
        let mut scanner = Scanner { text, offset: 0 };
        scanner.expect('{')?;
        loop {
            let name = scanner.string()?;
            scanner.expect(':')?;
            members.set(name, &mut scanner)?;
            if !scanner.skip(',') {
                break;
            }
        }
        scanner.expect('}')?;
        scanner.end()?;
        Ok(members)
    }

    fn set(&mut self, name: &str, scanner: &mut Scanner<'a>) -> Result<(), ProofTextError> {
        let offset = scanner.offset;
        let is_repeated = match name {
            "format" => self.format.replace(scanner.string()?).is_some(),
            "salt" => self.salt.replace(scanner.string()?).is_some(),
            "record_index" => self.record_index.replace(scanner.number()?).is_some(),
            "record_path" => self.record_path.replace(scanner.path()?).is_some(),
            "leaf" => self.leaf.replace(scanner.string()?).is_some(),
            "tree_size" => self.tree_size.replace(scanner.number()?).is_some(),
            "tree_path" => self.tree_path.replace(scanner.path()?).is_some(),
            _ => true,
        };
        match is_repeated {
            true => Err(ProofTextError::UnexpectedMember { offset }),
            false => Ok(()),
        }
    }
}

/// Reads the few kinds of JSON values that a proof has.
struct Scanner<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    const fn syntax(&self) -> ProofTextError {
        ProofTextError::Syntax { offset: self.offset }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Skips white space, then `wanted` if it comes next.
    fn skip(&mut self, wanted: char) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(wanted);
        if is_next {
            self.offset += wanted.len_utf8();
        }
        is_next
    }

    fn expect(&mut self, wanted: char) -> Result<(), ProofTextError> {
        if self.skip(wanted) { Ok(()) } else { Err(self.syntax()) }
    }

    fn string(&mut self) -> Result<&'a str, ProofTextError> {
        self.expect('"')?;
        let (value, _) = self.rest().split_once('"').ok_or(self.syntax())?;
        if value.contains(|letter: char| letter == '\\' || letter.is_control()) {
            return Err(self.syntax());
        }
        self.offset += value.len() + 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<u64, ProofTextError> {
        self.skip_space();
        let rest = self.rest();
        let digits_end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest.get(..digits_end).unwrap_or_default();
        let value: u64 = digits.parse().map_err(|_| self.syntax())?;
        // JSON has no leading zeros.
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.syntax());
        }
        self.offset += digits_end;
        Ok(value)
    }

    fn path(&mut self) -> Result<Vec<Hash>, ProofTextError> {
        let mut hashes = Vec::new();
        self.expect('[')?;
        if self.skip(']') {
            return Ok(hashes);
        }
        loop {
            if hashes.len() == PATH_HASHES_MAX {
                return Err(ProofTextError::PathTooLong { hashes_max: PATH_HASHES_MAX });
            }
            hashes.push(self.string()?.parse()?);
            if !self.skip(',') {
                break;
            }
        }
        self.expect(']')?;
        Ok(hashes)
    }

    fn end(&mut self) -> Result<(), ProofTextError> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { Err(self.syntax()) }
    }
}
