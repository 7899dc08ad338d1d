//! What comes as a webhook: nothing but what was signed is taken for it, and no header is too odd.

use syncline_protocol::webhook::digest::verify_content_digest;
use syncline_protocol::webhook::event::{EventId, EventType};
use syncline_protocol::webhook::retry_after::retry_after_ms;
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Accept, Received, Verifier};

/// What the seeds were signed with, all of one seed, and when.
const KEY: [u8; 32] = [7; 32];
const PLAIN: &str = "of-the-fuzzer";
const NOW_S: u64 = 1_700_000_000;
/// The only id, time and body that were ever signed.
const ID: &[u8] = b"msg_1";
const TIMESTAMP: &[u8] = b"1700000000";
const BODY: &[u8] = br#"{"n":1}"#;

/// A seed is seven lines, that of the body last: id, time, both signatures, the digest, how long to wait, a
/// secret. The body is the rest.
pub(crate) fn received(bytes: &[u8]) {
    let mut lines = bytes.splitn(8, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let [id, timestamp, signature, plain, digest, wait, secret, body] = [(); 8].map(|()| next());
    let received = Received {
        id: there(id),
        timestamp: there(timestamp),
        signature: there(signature),
        plain_signature: there(plain),
        body,
    };
    let secrets = [
        Secret::symmetric(KEY),
        Secret::signing(KEY),
        Secret::plain(PLAIN).expect("a plain secret"),
    ];
    for accept in [Accept::Standard, Accept::Plain, Accept::Both] {
        let verifier = Verifier::new(&secrets).expect("secrets").accepting(accept);
        let Ok(verified) = verifier.verify(&received, NOW_S) else { continue };
        assert_eq!(body, BODY, "no other body was signed");
        if verified.is_standard {
            assert_eq!((id, timestamp), (ID, TIMESTAMP), "nothing else was signed");
        }
    }
    if let Ok(true) = verify_content_digest(digest, body) {
        assert_eq!(body, BODY, "the digest is of no other body");
    }
    let _ = retry_after_ms(wait, NOW_S * 1_000);
    let Ok(text) = std::str::from_utf8(secret) else { return };
    if let Ok(secret) = Secret::parse(text) {
        assert_eq!(Secret::parse(&secret.expose()), Ok(secret), "what is shown is read back");
    }
    if let Ok(id) = EventId::new(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(event_type) = EventType::new(text) {
        assert_eq!(event_type.as_str(), text);
    }
}

/// An empty line is a header that is not there.
fn there(line: &[u8]) -> Option<&[u8]> {
    (!line.is_empty()).then_some(line)
}
