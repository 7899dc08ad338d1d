//! Why a webhook that was received does not verify: what a receiver should not be told, and whoever looks after the
//! endpoint that has sent it wants to know.

use syncline_engine::deliver::{SecretKind, StoredSecret};
use syncline_model::json::parse;
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Accept, Received, Verifier, VerifyError};

/// What was received, with the headers that matter.
#[derive(Clone, Default)]
pub(crate) struct Webhook {
    pub(crate) id: Option<String>,
    pub(crate) timestamp: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) plain_signature: Option<String>,
    pub(crate) body: String,
}

impl Webhook {
    fn received<'a>(&'a self, body: &'a [u8]) -> Received<'a> {
        let bytes = |text: &'a Option<String>| text.as_ref().map(String::as_bytes);
        Received {
            id: bytes(&self.id),
            timestamp: bytes(&self.timestamp),
            signature: bytes(&self.signature),
            plain_signature: bytes(&self.plain_signature),
            body,
        }
    }
}

/// A way to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Standard Webhooks.
    Standard,
    /// `x-webhook-signature` of spec 004.
    Plain,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Standard, Self::Plain];

    /// Returns what it is called.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Plain => "x-webhook-signature",
        }
    }

    const fn accept(self) -> Accept {
        match self {
            Self::Standard => Accept::Standard,
            Self::Plain => Accept::Plain,
        }
    }

    fn is_of(self, secret: &StoredSecret) -> bool {
        (self == Self::Plain) == (secret.kind == SecretKind::Plain)
    }
}

/// What was found out of one way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) scheme: Scheme,
    /// What a receiver finds now that knows the secrets that count now.
    pub(crate) verdict: Result<(), VerifyError>,
    /// The secret that has signed it, by its place among those of the endpoint; also one that does not count now, or
    /// has signed another form of the body.
    pub(crate) signed_by: Option<usize>,
    pub(crate) hints: Vec<Hint>,
}

/// What is probably wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// It was good when it was sent.
    OnlyTime,
    /// The secret has ended.
    SecretEnded,
    /// The secret does not count yet.
    SecretNotBegun,
    /// A line break at the end was added or lost.
    LineBreak,
    /// The body was read and written again, as JSON.
    Rewritten,
    /// Not a single secret has signed any form of it.
    NobodySigned,
    /// The endpoint does not sign so.
    NotSignedSo,
}

impl Hint {
    /// Returns what it means, and what to do.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::OnlyTime => {
                "Only its time is wrong: it was good when it was sent. If it has just come, compare the clocks."
            }
            Self::SecretEnded => {
                "It was signed with a former secret, which has ended since. Was it sent long ago, or by a copy of this hub?"
            }
            Self::SecretNotBegun => "It was signed with a secret that does not count yet.",
            Self::LineBreak => {
                "A line break at the end of the body is not as it was signed. Verify the bytes as they came."
            }
            Self::Rewritten => {
                "The body was read as JSON and written again, with other blanks. Verify the bytes as they came, before anything reads them."
            }
            Self::NobodySigned => {
                "No secret of this endpoint has signed it: it is of another endpoint, or its id, its time or its body was changed."
            }
            Self::NotSignedSo => "This endpoint has no secret to sign so with.",
        }
    }
}

/// Finds out of each way to sign that came or is expected what is wrong.
pub(crate) fn find_out(webhook: &Webhook, secrets: &[StoredSecret], now_ms: u64) -> Vec<Finding> {
    let schemes = Scheme::ALL.into_iter().filter(|scheme| {
        let header = match scheme {
            Scheme::Standard => &webhook.signature,
            Scheme::Plain => &webhook.plain_signature,
        };
        header.is_some() || secrets.iter().any(|secret| scheme.is_of(secret))
    });
    schemes.map(|scheme| of_scheme(webhook, secrets, now_ms, scheme)).collect()
}

fn of_scheme(webhook: &Webhook, secrets: &[StoredSecret], now_ms: u64, scheme: Scheme) -> Finding {
    let known: Vec<(usize, &StoredSecret, Secret)> = secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| scheme.is_of(secret))
        .filter_map(|(at, secret)| Some((at, secret, read(secret)?)))
        .collect();
    let counting = known.iter().filter(|(_, secret, _)| counts(secret, now_ms));
    let now_s = now_ms / 1_000;
    let received = webhook.received(webhook.body.as_bytes());
    let verdict = match Verifier::new(counting.map(|(.., secret)| secret)) {
        Ok(verifier) => verifier.accepting(scheme.accept()).verify(&received, now_s).map(drop),
        // There are no more than an endpoint may have.
        Err(_) => Err(VerifyError::Unsigned),
    };
    let mut finding = Finding { scheme, verdict, signed_by: None, hints: Vec::new() };
    let by = |body: &[u8]| {
        known.iter().find(|(.., secret)| {
            let verifier = Verifier::new([secret]).ok();
            let verifier =
                verifier.map(|one| one.accepting(scheme.accept()).with_tolerance_s(u64::MAX));
            verifier.is_some_and(|one| one.verify(&webhook.received(body), now_s).is_ok())
        })
    };
    let (found, hint) = match by(webhook.body.as_bytes()) {
        Some(found) => (Some(found), None),
        None => others_of(&webhook.body)
            .into_iter()
            .find_map(|(body, hint)| Some((Some(by(body.as_bytes())?), Some(hint))))
            .unwrap_or_default(),
    };
    finding.signed_by = found.map(|(at, ..)| *at);
    if finding.verdict.is_ok() {
        return finding;
    }
    finding.hints.extend(hint);
    match (found, finding.verdict) {
        (_, Err(VerifyError::TooOld { .. } | VerifyError::TooNew { .. }))
            if found.is_some() && hint.is_none() =>
        {
            finding.hints.push(Hint::OnlyTime);
        }
        (None, Err(VerifyError::NoSecret { .. })) if known.is_empty() => {
            finding.hints.push(Hint::NotSignedSo)
        }
        (None, Err(VerifyError::Signature { .. } | VerifyError::NoSecret { .. })) => {
            finding.hints.push(Hint::NobodySigned);
        }
        _ => {}
    }
    if let Some((_, secret, _)) = found {
        if secret.until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            finding.hints.push(Hint::SecretEnded);
        } else if secret.since_ms > now_ms {
            finding.hints.push(Hint::SecretNotBegun);
        }
    }
    finding
}

/// Returns whether a secret counts at a time.
pub(crate) fn counts(secret: &StoredSecret, now_ms: u64) -> bool {
    secret.since_ms <= now_ms && secret.until_ms.is_none_or(|until_ms| until_ms > now_ms)
}

fn read(secret: &StoredSecret) -> Option<Secret> {
    match secret.kind {
        SecretKind::Plain => Secret::plain(&secret.text).ok(),
        SecretKind::Hmac | SecretKind::Ed25519 => Secret::parse(&secret.text).ok(),
    }
}

/// Returns what the body may have been before something on the way has changed it.
fn others_of(body: &str) -> Vec<(String, Hint)> {
    let mut others = Vec::new();
    let shorter = body.trim_end_matches(['\r', '\n']);
    if shorter.len() < body.len() {
        others.push((shorter.to_owned(), Hint::LineBreak));
    } else {
        others.push((format!("{body}\n"), Hint::LineBreak));
    }
    if let Ok(document) = parse(body.as_bytes()) {
        let forms = [document.to_compact_string(), document.to_pretty_string()];
        others.extend(
            forms.into_iter().filter(|form| form != body).map(|form| (form, Hint::Rewritten)),
        );
    }
    others
}

#[cfg(test)]
mod tests {
    use syncline_protocol::webhook::sign::Signer;

    use super::*;

    const NOW_MS: u64 = 1_763_790_000_000;
    const BODY: &str = r#"{"id":"e1","data":{"b":1,"a":12.50}}"#;

    fn stored(kind: SecretKind, text: &str, since_ms: u64, until_ms: Option<u64>) -> StoredSecret {
        StoredSecret { kind, text: text.into(), since_ms, until_ms }
    }

    fn hmac(byte: u8) -> String {
        Secret::symmetric([byte; 32]).expose().to_string()
    }

    /// Signs a webhook, so many seconds ago, with all secrets.
    fn signed(secrets: &[StoredSecret], age_s: u64) -> Webhook {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| read(secret).unwrap()).collect();
        let signer = Signer::new(&secrets).unwrap();
        let at_s = NOW_MS / 1_000 - age_s;
        Webhook {
            id: Some("e1".to_owned()),
            timestamp: Some(at_s.to_string()),
            signature: signer.is_standard().then(|| signer.signature("e1", at_s, BODY.as_bytes())),
            plain_signature: signer.plain_signature(BODY.as_bytes()),
            body: BODY.to_owned(),
        }
    }

    fn found(
        webhook: &Webhook,
        secrets: &[StoredSecret],
    ) -> Vec<(&'static str, Option<usize>, Vec<Hint>)> {
        let told = |finding: Finding| {
            let code = finding.verdict.err().map_or("", |error| error.code());
            (code, finding.signed_by, finding.hints)
        };
        find_out(webhook, secrets, NOW_MS).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_good_is_said_to_be_with_the_secret_that_has_signed_it() {
        let secrets = [
            stored(SecretKind::Hmac, &hmac(1), 0, Some(NOW_MS + 1)),
            stored(SecretKind::Hmac, &hmac(2), 5, None),
            stored(SecretKind::Plain, "your-webhook-secret-here", 0, None),
        ];
        let none: Vec<Hint> = Vec::new();
        let all = found(&signed(&secrets, 10), &secrets);
        assert_eq!(all, [("", Some(0), none.clone()), ("", Some(2), none.clone())]);
        let second = found(&signed(&secrets[1..2], 10), &secrets);
        assert_eq!(second, [("", Some(1), none), ("WEBHOOK_UNSIGNED", None, vec![])]);
    }

    #[test]
    fn each_way_to_be_wrong_is_told_from_the_others() {
        let ended = [stored(SecretKind::Hmac, &hmac(1), 0, Some(NOW_MS - 1))];
        let later = [stored(SecretKind::Hmac, &hmac(1), NOW_MS + 1, None)];
        let one = [stored(SecretKind::Hmac, &hmac(1), 0, None)];
        let other = [stored(SecretKind::Hmac, &hmac(9), 0, None)];
        let plain = [stored(SecretKind::Plain, "word", 0, None)];
        let with_body = |body: String| Webhook { body, ..signed(&one, 10) };
        let pretty = parse(BODY.as_bytes()).unwrap().to_pretty_string();
        let wrong = "WEBHOOK_SIGNATURE_WRONG";
        type Case<'a> = (Webhook, &'a [StoredSecret], (&'static str, Option<usize>, Vec<Hint>));
        let cases: Vec<Case<'_>> = vec![
            (signed(&one, 301), &one, ("WEBHOOK_TIMESTAMP_OUTSIDE", Some(0), vec![Hint::OnlyTime])),
            (
                signed(&one, 10),
                &ended,
                ("WEBHOOK_SECRET_LACKING", Some(0), vec![Hint::SecretEnded]),
            ),
            (
                signed(&one, 10),
                &later,
                ("WEBHOOK_SECRET_LACKING", Some(0), vec![Hint::SecretNotBegun]),
            ),
            (signed(&one, 10), &other, (wrong, None, vec![Hint::NobodySigned])),
            (with_body(format!("{BODY}\n")), &one, (wrong, Some(0), vec![Hint::LineBreak])),
            (with_body(pretty), &one, (wrong, Some(0), vec![Hint::Rewritten])),
            (with_body(BODY.replace("e1", "e2")), &one, (wrong, None, vec![Hint::NobodySigned])),
            (Webhook::default(), &one, ("WEBHOOK_UNSIGNED", None, vec![])),
            (Webhook { id: None, ..signed(&one, 1) }, &one, ("WEBHOOK_UNSIGNED", None, vec![])),
            (
                Webhook { signature: Some("v1".to_owned()), ..signed(&one, 1) },
                &one,
                ("WEBHOOK_HEADER_MALFORMED", None, vec![]),
            ),
        ];
        for (at, (webhook, secrets, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found(&webhook, secrets), [expected], "case {at}");
        }
        let both = found(&signed(&one, 10), &plain);
        assert_eq!(both[0], ("WEBHOOK_SECRET_LACKING", None, vec![Hint::NotSignedSo]));
        assert_eq!(both[1], ("WEBHOOK_UNSIGNED", None, vec![]));
    }
}
