//! Access tokens of an issuer whose keys are fetched from an address.

use std::fs::File;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use rustix::process::Signal;
use serde_json::json;
use syncline_model::base64url;

use crate::desk::Desk;
use crate::receiver::{Receiver, certificate};
use crate::serve::{ERRORS, OUT, Serving, ask};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns what an address answers that has the public keys.
fn set(keys: &[&Ed25519KeyPair]) -> String {
    let key = |key: &&Ed25519KeyPair| {
        let x = base64url::encode(key.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": x[..8], "x": x })
    };
    let set = json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{set}\r\n0\r\n\r\n",
        set.len()
    )
}

fn token(key: &Ed25519KeyPair) -> String {
    let kid = &base64url::encode(key.public_key().as_ref())[..8];
    let claims = r#"{"iss":"https://id.example","aud":"hub","sub":"ann","exp":99999999999}"#;
    let part = |text: &str| base64url::encode(text.as_bytes());
    let head = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    let text = format!("{}.{}", part(&head), part(claims));
    format!("{text}.{}", base64url::encode(key.sign(text.as_bytes()).as_ref()))
}

fn configure(desk: &Desk, scheme: &str, port: u16, more: &str) {
    let text = format!(
        "[[issuers]]\nname = \"https://id.example\"\naudience = \"hub\"\nkeys = \"{scheme}://localhost:{port}/keys\"\n{more}"
    );
    desk.put("syncline.toml", text.as_bytes());
}

/// Serves a hub whose machine trusts the authority in a file.
fn serve(desk: &Desk, authority: &str) -> std::process::Child {
    let mut command = desk.command(&["serve", "--jsonl", "--listen", "127.0.0.1:0"]);
    command.env("SSL_CERT_FILE", certificate(authority));
    let kept = |name| File::create(desk.path(name)).unwrap();
    command.stdout(kept(OUT)).stderr(kept(ERRORS)).spawn().unwrap()
}

fn pulls(serving: &Serving, key: &Ed25519KeyPair) -> u16 {
    ask(&serving.address, &token(key), "GET", "/v1/pull", &json!({})).unwrap().0
}

#[test]
fn keys_are_fetched_once_a_token_names_one_that_is_new_and_the_last_good_ones_stay() {
    let desk = Desk::new();
    let (old, new) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
    let receiver = Receiver::encrypted(&[&set(&[&old]), &set(&[&old, &new])]);
    configure(&desk, "https", receiver.port, "");
    let serving = Serving::once_ready(&desk, serve(&desk, "authority.pem"));
    assert_eq!(pulls(&serving, &old), 200);
    let begun = Instant::now();
    while pulls(&serving, &new) != 200 {
        assert!(begun.elapsed() < PATIENCE, "the new key is not fetched");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(pulls(&serving, &old), 200);
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET /keys HTTP/1.1\r\n")));
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    // Nobody answers there any more.
    let serving = Serving::once_ready(&desk, serve(&desk, "authority.pem"));
    assert_eq!([pulls(&serving, &old), pulls(&serving, &new)], [200, 200]);
    let told = String::from_utf8(desk.bytes(ERRORS)).unwrap();
    assert!(told.contains("those from before stay"), "{told}");
}

#[test]
fn keys_of_nobody_who_is_trusted_are_not_taken() {
    let desk = Desk::new();
    let key = Ed25519KeyPair::generate().unwrap();
    let receiver = Receiver::encrypted(&[&set(&[&key])]);
    configure(&desk, "https", receiver.port, "");
    let mut child = serve(&desk, "stranger.pem");
    assert_eq!(child.wait().unwrap().code(), Some(8));
    let told = String::from_utf8(desk.bytes(ERRORS)).unwrap();
    assert!(told.contains("ISSUER_KEYS_INVALID"), "{told}");
    configure(&desk, "http", 1, "");
    desk.run("serve --listen 127.0.0.1:0").exits(3).says("without encryption");
    let receiver = Receiver::plain(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]);
    configure(&desk, "http", receiver.port, "allow_plaintext = true\n");
    desk.run("serve --listen 127.0.0.1:0").exits(8).says("ISSUER_KEYS_INVALID");
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n";
    let receiver = Receiver::plain(&[moved]);
    configure(&desk, "http", receiver.port, "allow_plaintext = true\n");
    desk.run("serve --listen 127.0.0.1:0").exits(8).says("answered 302");
}
