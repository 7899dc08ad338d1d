//! What a client had seen of a record, as text that the hub has signed, and hidden from who does not see
//! everything.
//!
//! A client hands a token back as it is. The signature binds it to the record, so that no client claims to
//! have seen what no hub has shown it: a write replaces what its writer had seen. What was seen has amounts
//! of sums, keys of members and times of changes, also of before a record came into its reader's sight. From
//! who sees everything they are not hidden: hidden bytes cannot be compressed. The same token of a record is
//! the same text.
//!
//! | Part | Bytes, then base64url without padding |
//! |---|---|
//! | form | `01`: changes of the hub's own site only, and nothing else to tell; `02`: otherwise; `03` and `04`: the same, of a hub that was made of another one; `11` to `14`: the same, with the content hidden; `05` and `06`: parted, of a hub and of one that was made of another |
//! | site | of forms 3, 4, 6, 13 and 14 only: that of the hub, 8, big end first |
//! | content | of forms 1, 3, 11 and 13 the clock, 8, big end first; of forms 5 and 6 the encoded token without a version, and the clock; of the others the encoded token |
//! | signature | the first 8 of the keyed BLAKE3 of form, content, entity and id |
//!
//! Content is hidden by a stream from the key, the signature, entity and id.
//!
//! A parted token has a `~` before its clock: what stands in front of it, the *details*, stays the same
//! while sums, texts and fields under review do. So of two who both know them one need tell the other only
//! what is behind: a *short* token, which begins with `~`. It is good with these details and no others.
//!
//! # Source
//!
//! The synthetic initialisation vector of RFC 5297. Two texts of one record share a stream only if their
//! signatures are the same by chance, one pair in 2^64.

use std::fmt;

use smol_str::SmolStr;
use syncline_merge::codec::{decode_token, encode_token};
use syncline_merge::token::Token;
use syncline_model::base64url;
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, RecordId, SiteId};
use syncline_model::version::Version;
use thiserror::Error;

use crate::cursor::Scope;
use crate::limits::TOKEN_TEXT_BYTES_MAX;

/// Form of a token that only says how far its hub's own site was seen.
const FORM_SITE: u8 = 1;
/// Form of every other token.
const FORM_WHOLE: u8 = 2;
/// As [`FORM_SITE`] and [`FORM_WHOLE`], with the site in front.
const FORM_NAMED_SITE: u8 = 3;
const FORM_NAMED_WHOLE: u8 = 4;
/// Form of a token whose details stand apart, without and with the site in front.
const FORM_PARTED: u8 = 5;
const FORM_NAMED_PARTED: u8 = 6;
/// What stands between the details of a token and the rest.
const PARTING: char = '~';
/// Length of a clock, in bytes.
const CLOCK_BYTES: usize = 8;
/// What is added to the form of a token whose content is hidden.
const HIDDEN: u8 = 0x10;
/// Length of the signature, in bytes: one forged token in 2^64 is accepted.
const SIGNATURE_BYTES: usize = 8;
/// Length of the digest of what is sealed, in bytes.
const SEAL_BYTES: usize = 16;

/// The text of a token, as a client holds it. It may come from anywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenText(SmolStr);

/// What a hub signs its tokens with.
#[derive(Clone)]
pub struct TokenKey {
    key: [u8; 32],
    site: SiteId,
    /// What the key was made of, unless it is the first one of its line. Its tokens name the site: another
    /// life may know nothing of this one but what they say.
    root: Option<[u8; 32]>,
    /// Whether the content of tokens is hidden from those who are given them.
    hides: bool,
}

/// Why a text is not a token of this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is longer than any token, or not base64url.
    #[error("a token is at most {TOKEN_TEXT_BYTES_MAX} characters of base64url")]
    Malformed,
    /// Another hub has signed it, or it is another record's, or it was altered.
    #[error("the token is not one that this hub gave out for this record")]
    Signature,
    /// It is short, and nobody knows with which details.
    #[error("a short token is good only together with the details that it was told for")]
    Short,
}

impl TokenError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "BASE_MALFORMED",
            Self::Signature => "BASE_FOREIGN",
            Self::Short => "BASE_SHORT",
        }
    }
}

impl TokenText {
    /// Takes a text that may be a token; whether it is one, [`TokenKey::open`] says.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`] if it is empty, too long or holds other characters than a token.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let end = text.split_once(PARTING).map_or(text, |(_, end)| end);
        let fits = !end.is_empty() && text.len() <= TOKEN_TEXT_BYTES_MAX;
        let mut letters = text.bytes().filter(|byte| *byte != PARTING as u8);
        if fits && !end.contains(PARTING) && letters.all(is_base64url) {
            return Ok(Self(text.into()));
        }
        Err(TokenError::Malformed)
    }

    /// Returns the details, if it has any.
    pub fn details(&self) -> Option<&str> {
        let (details, _) = self.0.split_once(PARTING)?;
        Some(details).filter(|details| !details.is_empty())
    }

    /// Returns the token without its details; itself if it has none.
    #[must_use]
    pub fn short(&self) -> Self {
        let at = self.0.find(PARTING).unwrap_or_default();
        Self(self.0.get(at..).unwrap_or_default().into())
    }

    /// Returns whether it is of no use without somebody's details.
    pub fn is_short(&self) -> bool {
        self.0.starts_with(PARTING)
    }

    /// Returns the token with the details of another one of the same record, if it is short; itself if it
    /// is not. `None` if details are missing.
    pub fn with_details_of(&self, other: Option<&Self>) -> Option<Self> {
        if !self.is_short() {
            return Some(self.clone());
        }
        let details = other?.details()?;
        Some(Self(format!("{details}{}", self.0).into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(site {})", self.site)
    }
}

impl TokenKey {
    /// Takes the secret of a hub and its site.
    pub const fn new(key: [u8; 32], site: SiteId) -> Self {
        Self { key, site, root: None, hides: false }
    }

    /// Makes the key of a hub that was restored, copied or moved.
    ///
    /// - `root`: the secret of the hub that all of them were made of.
    pub fn of_life(root: [u8; 32], site: SiteId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("syncline 2026 tokens of a later life");
        hasher.update(&root).update(&site.0.to_be_bytes());
        Self { key: *hasher.finalize().as_bytes(), site, root: Some(root), hides: false }
    }

    /// Returns the same key, for tokens of those who do not see everything: their content is hidden.
    #[must_use]
    pub fn hiding(&self) -> Self {
        Self { hides: true, ..self.clone() }
    }

    /// Returns the bytes of the key.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Signs what a client is about to see of a record.
    pub fn sign(&self, token: &Token, entity: &EntityName, id: &RecordId) -> TokenText {
        let mut bytes = Vec::with_capacity(96);
        let content = self.content(token);
        let form = match content {
            SignedContent::Clock(_) => FORM_SITE,
            SignedContent::Parted { .. } => FORM_PARTED,
            SignedContent::Whole => FORM_WHOLE,
        };
        let form = match self.root {
            Some(_) => named(form),
            None => form,
        };
        bytes.push(if self.hides { form | HIDDEN } else { form });
        if self.root.is_some() {
            bytes.extend(self.site.0.to_be_bytes());
        }
        match &content {
            SignedContent::Clock(clock) => bytes.extend(clock.0.to_be_bytes()),
            SignedContent::Parted { details, .. } => bytes.extend(details),
            SignedContent::Whole => bytes.extend(encode_token(token)),
        }
        let parting = bytes.len();
        if let SignedContent::Parted { clock, .. } = content {
            bytes.extend(clock.0.to_be_bytes());
        }
        let signature = self.signature(&bytes, entity, id);
        bytes.extend(signature);
        if let SignedContent::Parted { .. } = content {
            let (details, end) = bytes.split_at(parting);
            let (details, end) = (base64url::encode(details), base64url::encode(end));
            return TokenText(format!("{details}{PARTING}{end}").into());
        }
        self.cover(&mut bytes, entity, id).expect("invariant: it was made of its parts");
        TokenText(base64url::encode(&bytes).into())
    }

    /// Returns how the content of a token is written.
    fn content(&self, token: &Token) -> SignedContent {
        let clock = match token.version.entries() {
            [(site, clock)] if *site == self.site => *clock,
            _ => return SignedContent::Whole,
        };
        let details = Token { version: Version::new(), ..token.clone() };
        if details == Token::default() {
            return SignedContent::Clock(clock);
        }
        match self.hides {
            true => SignedContent::Whole,
            false => SignedContent::Parted { details: encode_token(&details), clock },
        }
    }

    /// Returns what a token says, if this hub signed it for the record.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: the client reads the record again.
    pub fn open(
        &self,
        text: &TokenText,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Token, TokenError> {
        let mut bytes = bytes_of(text)?;
        self.cover(&mut bytes, entity, id)?;
        let parts = Parts::of(&bytes)?;
        if !is_same(parts.signature, &self.signature(parts.body, entity, id)) {
            return Err(TokenError::Signature);
        }
        match (parts.site, self.root) {
            (None, None) => parts.token(self.site),
            (Some(site), Some(_)) if site == self.site => parts.token(site),
            _ => Err(TokenError::Malformed),
        }
    }

    /// As [`TokenKey::open`], for a token of a later life: of any hub that was made of the same one as this
    /// hub, or of this one. This hub need not know of it.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: no such hub has signed it for the record.
    pub fn open_of_line(
        &self,
        text: &TokenText,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Token, TokenError> {
        let bytes = bytes_of(text)?;
        let site = Parts::of(&bytes)?.site.ok_or(TokenError::Signature)?;
        Self::of_life(self.root.unwrap_or(self.key), site).open(text, entity, id)
    }

    /// Returns what stands for a description of what a reader is told.
    pub fn scope(&self, description: &str) -> Scope {
        let mut scope = [0; 8];
        let mut hasher = blake3::Hasher::new_keyed(&self.derived("scope"));
        hasher.update(description.as_bytes());
        hasher.finalize_xof().fill(&mut scope);
        Scope(scope)
    }

    /// Seals bytes that go out with an answer and come back with the next question: only a hub with
    /// this key can read them. The same bytes look the same.
    ///
    /// # Source
    ///
    /// The synthetic initialisation vector of RFC 5297: a keyed digest of the bytes, from which the
    /// stream is derived that hides them.
    pub fn seal(&self, bytes: &[u8]) -> Vec<u8> {
        let digest = self.digest(bytes);
        let mut sealed = digest.to_vec();
        sealed.extend(bytes);
        self.hide(&digest, sealed.get_mut(SEAL_BYTES..).unwrap_or_default());
        sealed
    }

    /// Returns what was sealed with this key; `None` for anything else.
    pub fn unseal(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (digest, hidden) = sealed.split_first_chunk::<SEAL_BYTES>()?;
        let mut bytes = hidden.to_vec();
        self.hide(digest, &mut bytes);
        let known = blake3::Hash::from(pad(digest));
        (known == blake3::Hash::from(pad(&self.digest(&bytes)))).then_some(bytes)
    }

    fn derived(&self, what: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("syncline 2026 what a hub hands out");
        hasher.update(&self.key).update(what.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn digest(&self, bytes: &[u8]) -> [u8; SEAL_BYTES] {
        let mut digest = [0; SEAL_BYTES];
        let mut hasher = blake3::Hasher::new_keyed(&self.derived("seal"));
        hasher.update(bytes).finalize_xof().fill(&mut digest);
        digest
    }

    fn hide(&self, digest: &[u8; SEAL_BYTES], bytes: &mut [u8]) {
        let mut stream = vec![0; bytes.len()];
        let mut hasher = blake3::Hasher::new_keyed(&self.derived("stream"));
        hasher.update(digest).finalize_xof().fill(&mut stream);
        bytes.iter_mut().zip(stream).for_each(|(byte, hidden)| *byte ^= hidden);
    }

    fn signature(&self, body: &[u8], entity: &EntityName, id: &RecordId) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        self.keyed(&[body], entity, id).finalize_xof().fill(&mut signature);
        signature
    }

    /// Hides the content of a token whose form says that it is hidden, or shows it again.
    fn cover(
        &self,
        bytes: &mut [u8],
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<(), TokenError> {
        let Parts { content, body, signature, is_hidden, .. } = Parts::of(bytes)?;
        if !is_hidden {
            return Ok(());
        }
        let within = body.len() - content.len()..body.len();
        let mut stream = vec![0; content.len()];
        self.keyed(&[b"cover", signature], entity, id).finalize_xof().fill(&mut stream);
        let content = bytes.get_mut(within).unwrap_or_default();
        content.iter_mut().zip(stream).for_each(|(byte, hidden)| *byte ^= hidden);
        Ok(())
    }

    fn keyed(&self, parts: &[&[u8]], entity: &EntityName, id: &RecordId) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let of = [entity.as_str().as_bytes(), id.as_str().as_bytes()];
        for part in parts.iter().chain(&of) {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher
    }
}

/// How the content of a token is written.
enum SignedContent {
    /// It says nothing but how far the hub's own site was seen.
    Clock(Clock),
    /// It says that, and has details.
    Parted { details: Vec<u8>, clock: Clock },
    /// As it is.
    Whole,
}

/// Returns the form in which the site is named.
const fn named(form: u8) -> u8 {
    match form {
        FORM_SITE => FORM_NAMED_SITE,
        FORM_PARTED => FORM_NAMED_PARTED,
        _ => FORM_NAMED_WHOLE,
    }
}

/// Returns the bytes of a token, whose text has a parting where its form says so, and nowhere else.
fn bytes_of(text: &TokenText) -> Result<Vec<u8>, TokenError> {
    let decode = |text: &str| base64url::decode(text).map_err(|_| TokenError::Malformed);
    if text.is_short() {
        return Err(TokenError::Short);
    }
    let (mut bytes, end) = match text.as_str().split_once(PARTING) {
        Some((details, end)) => (decode(details)?, Some(decode(end)?)),
        None => (decode(text.as_str())?, None),
    };
    let is_parted = matches!(bytes.first(), Some(&(FORM_PARTED | FORM_NAMED_PARTED)));
    let is_right = end.as_ref().is_none_or(|end| end.len() == CLOCK_BYTES + SIGNATURE_BYTES);
    if is_parted != end.is_some() || !is_right {
        return Err(TokenError::Malformed);
    }
    bytes.extend(end.unwrap_or_default());
    Ok(bytes)
}

/// What the content of a token is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Clock,
    Parted,
    Whole,
}

/// The parts of a token, before anybody knows whether they are true.
struct Parts<'b> {
    /// The site that has signed it, where it says so.
    site: Option<SiteId>,
    shape: Shape,
    is_hidden: bool,
    content: &'b [u8],
    /// All that is signed.
    body: &'b [u8],
    signature: &'b [u8; SIGNATURE_BYTES],
}

impl<'b> Parts<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, TokenError> {
        let (body, signature) = bytes.split_last_chunk().ok_or(TokenError::Malformed)?;
        let (form, rest) = body.split_first().ok_or(TokenError::Malformed)?;
        let (is_hidden, form) = (form & HIDDEN != 0, form & !HIDDEN);
        let (site, content) = match form {
            FORM_SITE | FORM_WHOLE | FORM_PARTED => (None, rest),
            FORM_NAMED_SITE | FORM_NAMED_WHOLE | FORM_NAMED_PARTED => {
                let (site, content) = rest.split_first_chunk().ok_or(TokenError::Malformed)?;
                (Some(SiteId(u64::from_be_bytes(*site))), content)
            }
            _ => return Err(TokenError::Malformed),
        };
        let shape = match form {
            FORM_SITE | FORM_NAMED_SITE => Shape::Clock,
            FORM_PARTED | FORM_NAMED_PARTED if is_hidden => return Err(TokenError::Malformed),
            FORM_PARTED | FORM_NAMED_PARTED => Shape::Parted,
            _ => Shape::Whole,
        };
        Ok(Self { site, shape, is_hidden, content, body, signature })
    }

    /// Returns what the token says that `site` has signed.
    fn token(&self, site: SiteId) -> Result<Token, TokenError> {
        let decode = |bytes| decode_token(bytes).map_err(|_| TokenError::Malformed);
        if self.shape == Shape::Whole {
            return decode(self.content);
        }
        let (details, clock) = self.content.split_last_chunk().ok_or(TokenError::Malformed)?;
        let version = [(site, Clock(u64::from_be_bytes(*clock)))].into_iter().collect();
        match self.shape {
            Shape::Parted => Ok(Token { version, ..decode(details)? }),
            _ if details.is_empty() => Ok(Token { version, ..Token::default() }),
            _ => Err(TokenError::Malformed),
        }
    }
}

/// Returns a digest as long as those that are compared without telling by its time where they differ.
fn pad(digest: &[u8; SEAL_BYTES]) -> [u8; 32] {
    let mut padded = [0; 32];
    padded.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    padded
}

/// Compares without telling by its time where two differ.
fn is_same(a: &[u8; SIGNATURE_BYTES], b: &[u8; SIGNATURE_BYTES]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use syncline_model::clock::Stamp;
    use syncline_model::path::Path;

    use super::*;

    fn names(entity: &str, id: &str) -> (EntityName, RecordId) {
        (EntityName::new(entity).unwrap(), RecordId::new(id).unwrap())
    }

    #[test]
    fn a_token_is_read_back_by_the_hub_that_signed_it_for_that_record() {
        let key = TokenKey::new([7; 32], SiteId(9));
        let (entity, id) = names("tasks", "t1");
        let plain = Token {
            version: [(SiteId(9), Clock::new(1_763_790_000_000, 3))].into_iter().collect(),
            ..Token::default()
        };
        let mut whole = plain.clone();
        whole.texts.insert(Path::parse("/notes").unwrap(), Stamp::new(Clock(5), SiteId(2)));
        for token in [plain.clone(), whole, Token::default()] {
            let text = key.sign(&token, &entity, &id);
            assert_eq!(key.open(&text, &entity, &id), Ok(token));
        }
        let text = key.sign(&plain, &entity, &id);
        assert_eq!(text.as_str().len(), 23, "of a plain record it is short");
        let mut telling = Token::default();
        telling.sums.insert(Path::parse("/boni/affair").unwrap(), BTreeMap::new());
        let names_it = |text: &TokenText| {
            let told = base64url::decode(text.as_str()).unwrap();
            told.windows(6).any(|part| part == b"affair")
        };
        let (open, hidden) =
            (key.sign(&telling, &entity, &id), key.hiding().sign(&telling, &entity, &id));
        assert!(names_it(&open) && !names_it(&hidden), "who does not see everything reads nothing");
        assert_eq!(key.open(&hidden, &entity, &id), Ok(telling));
        let of_another = key.hiding().sign(&plain, &entity, &names("tasks", "t2").1);
        let hidden = key.hiding().sign(&plain, &entity, &id);
        assert_ne!(hidden.as_str().as_bytes()[2..10], of_another.as_str().as_bytes()[2..10]);
        assert_eq!(hidden.as_str().len(), 23);
        let others = [names("tasks", "t2"), names("task", "st1")];
        for (entity, id) in others {
            assert_eq!(key.open(&text, &entity, &id), Err(TokenError::Signature));
        }
        let other = TokenKey::new([8; 32], SiteId(9));
        assert_eq!(other.open(&text, &entity, &id), Err(TokenError::Signature));
    }

    #[test]
    fn a_later_life_is_understood_by_all_that_were_made_of_the_same_hub() {
        let (entity, id) = names("tasks", "t1");
        let first = TokenKey::new([7; 32], SiteId(9));
        let [second, third] = [10, 11].map(|site| TokenKey::of_life([7; 32], SiteId(site)));
        let plain =
            Token { version: [(SiteId(10), Clock(77))].into_iter().collect(), ..Token::default() };
        let mut whole = plain.clone();
        whole.version.observe(Stamp::new(Clock(5), SiteId(9)));
        for token in [plain, whole, Token::default()] {
            let text = second.sign(&token, &entity, &id);
            assert_eq!(second.open(&text, &entity, &id), Ok(token.clone()));
            for other in [&first, &third] {
                assert_eq!(other.open(&text, &entity, &id), Err(TokenError::Signature));
                assert_eq!(other.open_of_line(&text, &entity, &id), Ok(token.clone()));
            }
            let (of_others, other_id) = names("tasks", "t2");
            let strange = TokenKey::of_life([8; 32], SiteId(11));
            assert!(strange.open_of_line(&text, &entity, &id).is_err());
            assert!(third.open_of_line(&text, &of_others, &other_id).is_err());
            let mut text = text.as_str().to_owned().into_bytes();
            for at in 0..text.len() {
                let was = text[at];
                text[at] = if was == b'A' { b'B' } else { b'A' };
                let altered = TokenText::new(std::str::from_utf8(&text).unwrap()).unwrap();
                assert!(third.open_of_line(&altered, &entity, &id).is_err(), "altered at {at}");
                text[at] = was;
            }
        }
        let text = first.sign(&Token::default(), &entity, &id);
        assert!(third.open_of_line(&text, &entity, &id).is_err(), "it does not say whose it is");
    }

    /// A token of which only one site was seen, with details.
    fn detailed(site: u64, clock: u64, begun: u64) -> Token {
        let version = [(SiteId(site), Clock(clock))].into_iter().collect();
        let notes = (Path::parse("/notes").unwrap(), Stamp::new(Clock(begun), SiteId(2)));
        Token { version, texts: [notes].into_iter().collect(), ..Token::default() }
    }

    #[test]
    fn a_short_token_is_good_with_the_details_that_it_was_told_for_and_no_others() {
        let (entity, id) = names("tasks", "t1");
        let keys = [TokenKey::new([7; 32], SiteId(9)), TokenKey::of_life([7; 32], SiteId(9))];
        for key in keys {
            let sign = |clock, begun| key.sign(&detailed(9, clock, begun), &entity, &id);
            let (first, second, other) = (sign(77, 5), sign(78, 5), sign(79, 6));
            assert_eq!(first.details(), second.details());
            assert_ne!(first.details(), other.details());
            let short = second.short();
            assert!(short.is_short() && short.as_str().len() == 23, "{short:?}");
            assert_eq!(TokenText::new(short.as_str()), Ok(short.clone()));
            assert_eq!(short.with_details_of(Some(&first)), Some(second.clone()));
            assert_eq!(second.with_details_of(Some(&other)), Some(second.clone()));
            assert_eq!(key.open(&second, &entity, &id), Ok(detailed(9, 78, 5)));
            assert_eq!(key.open(&short, &entity, &id), Err(TokenError::Short));
            let mixed = short.with_details_of(Some(&other)).unwrap();
            assert_eq!(key.open(&mixed, &entity, &id), Err(TokenError::Signature));
            let plain = Token { texts: BTreeMap::new(), ..detailed(9, 80, 5) };
            let plain = key.sign(&plain, &entity, &id);
            assert_eq!((plain.details(), plain.short()), (None, plain.clone()));
            assert_eq!(short.with_details_of(Some(&plain)), None);
            assert_eq!(short.with_details_of(None), None);
            // Where more sites than the hub's own were seen, and for who does not see everything.
            let hidden = key.hiding().sign(&detailed(9, 77, 5), &entity, &id);
            for whole in [key.sign(&detailed(8, 77, 5), &entity, &id), hidden] {
                assert_eq!(whole.details(), None);
            }
        }
        for text in ["", "~", "AA~", "A~B~C", "~A~B", "~~A"] {
            assert_eq!(TokenText::new(text), Err(TokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_is_read_by_the_key_alone_and_not_if_it_was_altered() {
        let key = TokenKey::new([7; 32], SiteId(9));
        for text in ["", "a", "contacts\0someone-whose-id-is-a-secret"] {
            let sealed = key.seal(text.as_bytes());
            assert_eq!(key.unseal(&sealed).as_deref(), Some(text.as_bytes()));
            assert_eq!(sealed, key.seal(text.as_bytes()));
            assert!(
                text.len() < 4 || !sealed.windows(4).any(|part| text.as_bytes().starts_with(part))
            );
            assert_eq!(TokenKey::new([8; 32], SiteId(9)).unseal(&sealed), None);
            for at in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[at] ^= 1;
                assert_eq!(key.unseal(&altered), None, "altered at {at}");
            }
        }
        assert_eq!(key.unseal(b"short"), None);
    }

    #[test]
    fn an_altered_token_is_refused_whatever_was_altered() {
        let key = TokenKey::new([7; 32], SiteId(9));
        let (entity, id) = names("tasks", "t1");
        let version = [(SiteId(9), Clock(77))].into_iter().collect();
        let token = Token { version, ..Token::default() };
        let texts = [&key, &key.hiding()].map(|key| key.sign(&token, &entity, &id));
        let parted = key.sign(&detailed(9, 77, 5), &entity, &id);
        for text in texts.into_iter().chain([parted]).map(|text| text.as_str().to_owned()) {
            refused_where_altered(&key, &text);
        }
    }

    fn refused_where_altered(key: &TokenKey, text: &str) {
        let (entity, id) = names("tasks", "t1");
        for at in 0..text.len() {
            let mut altered = text.to_owned().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = TokenText::new(std::str::from_utf8(&altered).unwrap());
            let opened = altered.and_then(|altered| key.open(&altered, &entity, &id));
            assert!(opened.is_err(), "altered at {at}");
        }
        for end in 1..text.len() {
            let cut = TokenText::new(&text[..end]);
            let opened = cut.and_then(|cut| key.open(&cut, &entity, &id));
            assert!(opened.is_err(), "cut at {end}");
        }
    }
}
