//! Tokens that somebody else has issued: JSON Web Tokens, checked with the issuer's public keys.
//!
//! Accepted are `ES256`, `EdDSA` and `RS256` (keys of 2,048 bits and more), each with a key of its own
//! kind from the issuer's set. What a token's header says of keys (`jku`, `jwk`, `x5u`, `x5c`) is never
//! looked at.
//!
//! # Source
//!
//! RFC 7519, RFC 8725 (best current practices), RFC 9068 for `at+jwt`.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use syncline_model::json::{Json, Object, parse};
use thiserror::Error;

/// Longest token, in bytes: what fits into one header line of a request.
pub(super) const JWT_BYTES_MAX: usize = 8 << 10;
/// Most keys of one issuer.
pub(super) const JWT_KEYS_MAX: usize = 64;
/// How far clocks may differ, in seconds.
pub(super) const JWT_SKEW_S: u64 = 60;
/// Fewest bytes of the modulus of an RSA key: 2,048 bits.
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// Somebody whose tokens are accepted.
#[derive(Clone)]
pub(super) struct Issuer {
    name: String,
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What a token says whose signature and times are good.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verified {
    /// Whom it is about.
    pub(super) subject: String,
    /// When it ends, in seconds since the Unix epoch.
    pub(super) expires_s: u64,
    /// All of its claims.
    pub(super) claims: Object,
}

/// Why the keys of an issuer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The text is no set of JSON Web Keys.
    #[error("the keys are no JSON Web Key Set (RFC 7517)")]
    Malformed,
    /// There are too many keys.
    #[error("{keys} keys; at most {JWT_KEYS_MAX} are accepted")]
    TooMany {
        /// How many there are.
        keys: usize,
    },
    /// None of the keys can check a signature that is accepted.
    #[error("none of the keys is for ES256, EdDSA or RS256 with 2,048 bits")]
    NoneUsable,
}

impl KeysError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "ISSUER_KEYS_INVALID"
    }
}

/// Why a token was refused. Whoever sent it is told nothing of this: the hub's figures count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub(crate) enum Refused {
    /// It is no token, or too long.
    #[error("it is no token")]
    Malformed,
    /// Its algorithm, its type or something critical in its header is not accepted.
    #[error("its header asks for something that is not accepted")]
    Header,
    /// No key of an issuer is meant.
    #[error("no key that is known has signed it")]
    KeyUnknown,
    /// The signature is not good.
    #[error("its signature is not good")]
    Signature,
    /// It is from somebody else, or for somebody else.
    #[error("it is from another issuer or for another audience")]
    Parties,
    /// It has ended, has not begun, or does not say when it ends.
    #[error("it is not valid now")]
    Time,
    /// It does not say whom it is about, or not in a text of 1 to 128 bytes.
    #[error("it names no subject")]
    Subject,
    /// Its claim `role` or `client` is none that its issuer may give.
    #[error("it claims a role or a client that its issuer may not give")]
    Claims,
}

impl Refused {
    /// Returns the word for it, in the hub's figures.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::KeyUnknown => "key_unknown",
            Self::Signature => "signature",
            Self::Parties => "parties",
            Self::Time => "time",
            Self::Subject => "subject",
            Self::Claims => "claims",
        }
    }
}

impl Issuer {
    /// Takes an issuer's name and its keys, a JSON Web Key Set. Keys that cannot check an accepted
    /// signature are left out.
    ///
    /// # Errors
    ///
    /// [`KeysError`].
    pub(super) fn new(name: &str, keys: &[u8]) -> Result<Self, KeysError> {
        // The strict reader refuses a key that stands twice, which another reader takes otherwise.
        parse(keys).map_err(|_| KeysError::Malformed)?;
        let set: JwkSet = serde_json::from_slice(keys).map_err(|_| KeysError::Malformed)?;
        if set.keys.len() > JWT_KEYS_MAX {
            return Err(KeysError::TooMany { keys: set.keys.len() });
        }
        let keys: Vec<Key> = set.keys.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(KeysError::NoneUsable);
        }
        Ok(Self { name: name.to_owned(), keys })
    }

    /// Checks a token.
    ///
    /// - `audience`: whom it must be for.
    /// - `now_s`: the time, in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub(super) fn verify(
        &self,
        token: &str,
        audience: &str,
        now_s: u64,
    ) -> Result<Verified, Refused> {
        if token.len() > JWT_BYTES_MAX || token.split('.').count() != 3 {
            return Err(Refused::Malformed);
        }
        let header = decode_header(token).map_err(|_| Refused::Header)?;
        let is_access =
            |typ: &String| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt");
        if header.crit.is_some() || header.enc.is_some() || !header.typ.iter().all(is_access) {
            return Err(Refused::Header);
        }
        if !matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA | Algorithm::RS256) {
            return Err(Refused::Header);
        }
        let key = self.key(header.alg, header.kid.as_deref()).ok_or(Refused::KeyUnknown)?;
        let claims = self.claims(token, key)?;
        self.check_parties(&claims, audience)?;
        let expires_s = check_times(&claims, now_s)?;
        let subject =
            claims.get("sub").and_then(Json::as_str).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(Refused::Subject)?.to_owned();
        Ok(Verified { subject, expires_s, claims })
    }

    /// Returns the key that a header means: by its id, or the only one for the algorithm.
    fn key(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&Key> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Checks the signature, and reads the claims strictly: a claim that stands twice has no meaning.
    fn claims(&self, token: &str, key: &Key) -> Result<Object, Refused> {
        let mut validation = Validation::new(key.algorithm);
        // Times and parties are checked below, against the caller's clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode::<serde_json::Value>(token, &key.key, &validation)
            .map_err(|_| Refused::Signature)?;
        let payload = token.split('.').nth(1).ok_or(Refused::Malformed)?;
        let payload = syncline_model::base64url::decode(payload).map_err(|_| Refused::Malformed)?;
        match parse(&payload) {
            Ok(Json::Object(claims)) => Ok(claims),
            _ => Err(Refused::Malformed),
        }
    }

    fn check_parties(&self, claims: &Object, audience: &str) -> Result<(), Refused> {
        let is_ours = |value: &Json| value.as_str() == Some(audience);
        let is_for_us = match claims.get("aud") {
            Some(Json::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        let is_from = claims.get("iss").and_then(Json::as_str) == Some(&self.name);
        if is_for_us && is_from { Ok(()) } else { Err(Refused::Parties) }
    }
}

/// Checks when a token begins and ends; returns when it ends.
fn check_times(claims: &Object, now_s: u64) -> Result<u64, Refused> {
    let time = |name: &str| -> Result<Option<u64>, Refused> {
        match claims.get(name) {
            None => Ok(None),
            Some(Json::Number(number)) => {
                let whole = number.to_i64().and_then(|time| u64::try_from(time).ok());
                whole.map(Some).ok_or(Refused::Time)
            }
            Some(_) => Err(Refused::Time),
        }
    };
    let expires_s = time("exp")?.ok_or(Refused::Time)?;
    let begins_s = time("nbf")?.unwrap_or(0).max(time("iat")?.unwrap_or(0));
    let is_over = expires_s.saturating_add(JWT_SKEW_S) <= now_s;
    if is_over || begins_s > now_s.saturating_add(JWT_SKEW_S) {
        return Err(Refused::Time);
    }
    Ok(expires_s)
}

/// Returns a key that can check a signature which is accepted.
fn usable(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        AlgorithmParameters::RSA(key) => {
            let modulus = syncline_model::base64url::decode(&key.n).ok()?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            (bytes >= RSA_MODULUS_BYTES_MIN).then_some(Algorithm::RS256)?
        }
        _ => return None,
    };
    let is_for_signatures = match &jwk.common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(_) => false,
    };
    let said = jwk.common.key_algorithm.map(|named| named.to_string());
    if !is_for_signatures || said.is_some_and(|said| said != format!("{algorithm:?}")) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { id: jwk.common.key_id.clone(), algorithm, key })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    };
    use syncline_model::base64url;

    use super::*;

    const NOW_S: u64 = 1_763_790_000;

    /// The private keys of an issuer, and its public set.
    struct Forge {
        ec: EcdsaKeyPair,
        ed: Ed25519KeyPair,
        rsa: RsaPair,
        set: String,
    }

    impl Forge {
        fn new() -> Self {
            let random = SystemRandom::new();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            let ec = EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref()).unwrap();
            let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
            let rsa = RsaPair::generate(KeySize::Rsa2048).unwrap();
            let point = ec.public_key().as_ref();
            let (x, y) = (base64url::encode(&point[1..33]), base64url::encode(&point[33..]));
            let edx = base64url::encode(ed.public_key().as_ref());
            let n = rsa.public_key().modulus().big_endian_without_leading_zero();
            let e = rsa.public_key().exponent().big_endian_without_leading_zero();
            let (n, e) = (base64url::encode(n), base64url::encode(e));
            let set = format!(
                r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"ec","x":"{x}","y":"{y}"}},
                  {{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"{edx}","use":"sig","alg":"EdDSA"}},
                  {{"kty":"RSA","kid":"rsa","n":"{n}","e":"{e}"}}]}}"#
            );
            Self { ec, ed, rsa, set }
        }

        fn sign(&self, kind: &str, input: &str) -> Vec<u8> {
            let random = SystemRandom::new();
            match kind {
                "ES256" => self.ec.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
                "EdDSA" => self.ed.sign(input.as_bytes()).as_ref().to_vec(),
                "RS256" => {
                    let mut signature = vec![0; self.rsa.public_modulus_len()];
                    let input = input.as_bytes();
                    self.rsa.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).unwrap();
                    signature
                }
                _ => Vec::new(),
            }
        }

        /// Signs with the key that `kind` names, whatever the header says.
        fn token(&self, kind: &str, header: &str, claims: &str) -> String {
            let part = |text: &str| base64url::encode(text.as_bytes());
            let input = format!("{}.{}", part(header), part(claims));
            format!("{input}.{}", base64url::encode(&self.sign(kind, &input)))
        }

        fn issuer(&self) -> Issuer {
            Issuer::new("https://id.example", self.set.as_bytes()).unwrap()
        }
    }

    fn claims(change: &str) -> String {
        let all = r#""iss":"https://id.example","aud":"syncline","sub":"ann","exp":1763793600"#;
        match change {
            "" => format!("{{{all}}}"),
            more => format!("{{{all},{more}}}"),
        }
    }

    #[test]
    fn good_tokens_of_each_algorithm_are_taken() {
        let forge = Forge::new();
        let issuer = forge.issuer();
        #[rustfmt::skip]
        let cases = [
            ("ES256", r#"{"alg":"ES256","kid":"ec","typ":"JWT"}"#,    claims("")),
            ("ES256", r#"{"alg":"ES256"}"#,                            claims("")),
            ("EdDSA", r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#, claims("\"nbf\":1763790060")),
            ("RS256", r#"{"alg":"RS256","kid":"rsa"}"#,                claims("\"role\":\"client\"")),
            ("ES256", r#"{"alg":"ES256","kid":"ec"}"#,
                r#"{"iss":"https://id.example","aud":["other","syncline"],"sub":"ann","exp":1763789950}"#.to_owned()),
        ];
        for (kind, header, claims) in cases {
            let token = forge.token(kind, header, &claims);
            let verified = issuer.verify(&token, "syncline", NOW_S);
            let verified = verified.unwrap_or_else(|why| panic!("{header} {claims}: {why}"));
            assert_eq!(verified.subject, "ann");
        }
    }

    #[test]
    fn forged_tokens_are_refused() {
        let forge = Forge::new();
        let issuer = forge.issuer();
        let jwk = r#"{"kty":"oct","k":"AAAA"}"#;
        let own_key = format!(r#"{{"alg":"ES256","kid":"mine","jwk":{jwk}}}"#);
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, String, Refused)] = &[
            ("no signature",            "",      r#"{"alg":"none"}"#,                     claims(""), Refused::Header),
            ("None with capitals",      "",      r#"{"alg":"NoNe"}"#,                     claims(""), Refused::Header),
            ("a shared secret",         "",      r#"{"alg":"HS256","kid":"rsa"}"#,        claims(""), Refused::Header),
            ("another curve",           "ES256", r#"{"alg":"ES384","kid":"ec"}"#,         claims(""), Refused::Header),
            ("PSS",                     "RS256", r#"{"alg":"PS256","kid":"rsa"}"#,        claims(""), Refused::Header),
            ("a longer hash",           "RS256", r#"{"alg":"RS512","kid":"rsa"}"#,        claims(""), Refused::Header),
            ("a key of another kind",   "ES256", r#"{"alg":"ES256","kid":"rsa"}"#,        claims(""), Refused::KeyUnknown),
            ("an unknown key",          "ES256", r#"{"alg":"ES256","kid":"../../key"}"#,  claims(""), Refused::KeyUnknown),
            ("a key of its own",        "ES256", &own_key,                                claims(""), Refused::KeyUnknown),
            ("a key from an address",   "ES256", r#"{"alg":"ES256","kid":"x","jku":"https://evil.example/k"}"#, claims(""), Refused::KeyUnknown),
            ("a certificate",           "ES256", r#"{"alg":"ES256","kid":"x","x5u":"https://evil.example/c"}"#, claims(""), Refused::KeyUnknown),
            ("a critical extension",    "ES256", r#"{"alg":"ES256","kid":"ec","crit":["exp"]}"#, claims(""), Refused::Header),
            ("an encrypted one",        "ES256", r#"{"alg":"ES256","kid":"ec","enc":"A128GCM"}"#, claims(""), Refused::Header),
            ("another type",            "ES256", r#"{"alg":"ES256","kid":"ec","typ":"dpop+jwt"}"#, claims(""), Refused::Header),
            ("somebody else's key",     "EdDSA", r#"{"alg":"ES256","kid":"ec"}"#,         claims(""), Refused::Signature),
            ("no signature bytes",      "",      r#"{"alg":"ES256","kid":"ec"}"#,         claims(""), Refused::Signature),
            ("it has ended",            "ES256", r#"{"alg":"ES256"}"#, claims("").replace("1763793600", "1763789940"), Refused::Time),
            ("it never ends",           "ES256", r#"{"alg":"ES256"}"#, claims("").replace(",\"exp\":1763793600", ""), Refused::Time),
            ("an end that is a text",   "ES256", r#"{"alg":"ES256"}"#, claims("").replace("1763793600", "\"1763793600\""), Refused::Time),
            ("an end with a fraction",  "ES256", r#"{"alg":"ES256"}"#, claims("").replace("1763793600", "1763793600.5"), Refused::Time),
            ("it has not begun",        "ES256", r#"{"alg":"ES256"}"#, claims("\"nbf\":1763790061"), Refused::Time),
            ("made in the future",      "ES256", r#"{"alg":"ES256"}"#, claims("\"iat\":1763790061"), Refused::Time),
            ("another audience",        "ES256", r#"{"alg":"ES256"}"#, claims("").replace("\"syncline\"", "\"other\""), Refused::Parties),
            ("no audience",             "ES256", r#"{"alg":"ES256"}"#, claims("").replace("\"aud\":\"syncline\",", ""), Refused::Parties),
            ("another issuer",          "ES256", r#"{"alg":"ES256"}"#, claims("").replace("id.example", "id.example.evil"), Refused::Parties),
            ("an issuer twice",         "ES256", r#"{"alg":"ES256"}"#, claims("\"iss\":\"https://id.example\""), Refused::Signature),
            ("no subject",              "ES256", r#"{"alg":"ES256"}"#, claims("").replace("\"ann\"", "\"\""), Refused::Subject),
            ("claims that are a list",  "ES256", r#"{"alg":"ES256"}"#, "[1]".to_owned(), Refused::Signature),
        ];
        for (name, kind, header, claims, expected) in cases {
            let token = forge.token(kind, header, claims);
            assert_eq!(issuer.verify(&token, "syncline", NOW_S), Err(*expected), "case: {name}");
        }
        let good = forge.token("ES256", r#"{"alg":"ES256"}"#, &claims(""));
        assert!(issuer.verify(&good, "syncline", NOW_S).is_ok());
        let (head, _) = good.rsplit_once('.').unwrap();
        let long = format!("{good}{}", "A".repeat(JWT_BYTES_MAX));
        for text in ["", "a", "a.b", "a.b.c.d", head, &format!("{head}."), &long] {
            assert!(issuer.verify(text, "syncline", NOW_S).is_err(), "case: {text}");
        }
        let middle = good.find('.').unwrap() + 5;
        let mut altered = good.clone().into_bytes();
        altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(issuer.verify(&altered, "syncline", NOW_S).is_err());
    }

    #[test]
    fn keys_that_check_nothing_accepted_are_left_out() {
        let short = base64url::encode(&[0xff; 128]);
        let rsa = format!(r#"{{"keys":[{{"kty":"RSA","n":"{short}","e":"AQAB"}}]}}"#);
        #[rustfmt::skip]
        let cases = [
            ("no JSON",            "keys",                                              KeysError::Malformed),
            ("keys twice",         r#"{"keys":[],"keys":[]}"#,                          KeysError::Malformed),
            ("none",               r#"{"keys":[]}"#,                                    KeysError::NoneUsable),
            ("a shared secret",    r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#,        KeysError::NoneUsable),
            ("1,024 bits",         &rsa,                                                KeysError::NoneUsable),
            ("for encryption",     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}]}"#, KeysError::NoneUsable),
            ("another algorithm",  r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ES256"}]}"#, KeysError::NoneUsable),
        ];
        for (name, keys, expected) in cases {
            let error = Issuer::new("i", keys.as_bytes()).err();
            assert_eq!(error, Some(expected), "case: {name}");
        }
    }
}
