//! What is never reached, and who is not trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use syncline_domains::app::{
    AddressKind, Failure, Guard, Refusal, Sender, SenderSettings, Target, Trust,
};
use tokio::io::AsyncWriteExt;

use super::receiver::{Answers, Receiver, answer, failure, request, route, settings};

/// May reach what is public, in plain, on the port of a receiver.
fn guarded(receiver: &Receiver) -> SenderSettings {
    let ports = vec![receiver.address.port()];
    let guard = Guard { is_plain_allowed: true, ports, ..Guard::default() };
    SenderSettings { guard, ..SenderSettings::default() }
}

fn url(receiver: &Receiver, host: &str) -> String {
    format!("http://{host}:{}/", receiver.address.port())
}

#[tokio::test]
async fn a_name_leads_nowhere_that_is_not_public() {
    use AddressKind::*;
    let receiver = Receiver::start(|_| answer("200 OK", "")).await;
    #[rustfmt::skip]
    let cases: [(&[&str], AddressKind); 9] = [
        (&["127.0.0.1"],                Loopback),
        (&["::ffff:127.0.0.1"],         Loopback),
        (&["::1"],                      Loopback),
        (&["0.0.0.0"],                  Unspecified),
        (&["10.0.0.7"],                 Private),
        (&["169.254.169.254"],          LinkLocal),
        (&["64:ff9b::7f00:1"],          Embedded),
        (&["93.184.216.34", "127.0.0.1"], Loopback),
        (&["8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4", "149.112.112.112", "fd00::1"], Private),
    ];
    for (addresses, kind) in cases {
        for host in ["hooks.example", "localhost", "metadata.google.internal"] {
            let sender = Sender::new(guarded(&receiver), Answers::new(&[addresses]));
            let outcome = route(&sender, &url(&receiver, host)).send(request("{}")).await;
            let refused = Failure::Refused(Refusal::Address { kind });
            assert_eq!(failure(outcome), refused, "{addresses:?}");
            assert_eq!(sender.connections(), 0);
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_looked_at_is_what_is_connected_to() {
    let receiver = Receiver::start(|_| answer("200 OK", "")).await;
    // As a hostile name server does: a harmless answer to who looks, another one to who connects.
    let answers = Answers::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let guard = Guard { networks, ..guarded(&receiver).guard };
    let settings = SenderSettings { guard, ..SenderSettings::default() };
    let sender = Sender::new(settings.clone(), answers.clone());
    let to = route(&sender, &url(&receiver, "hooks.example"));
    for _ in 0..3 {
        assert_eq!(to.send(request("{}")).await.answer, Ok(200));
    }
    assert_eq!((answers.asked.load(Ordering::SeqCst), receiver.connections()), (1, 1));
    // Whoever looks again sees the other answer, and goes nowhere.
    let sender = Sender::new(settings, answers.clone());
    let outcome = route(&sender, &url(&receiver, "hooks.example")).send(request("{}")).await;
    let refused = Failure::Refused(Refusal::Address { kind: AddressKind::LinkLocal });
    assert_eq!((failure(outcome), answers.asked.load(Ordering::SeqCst)), (refused, 2));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_address_that_is_written_out_is_refused_before_anything_is_sent() {
    let receiver = Receiver::start(|_| answer("200 OK", "")).await;
    let sender = Sender::new(guarded(&receiver), Answers::new(&[&["127.0.0.1"]]));
    for host in [
        "127.0.0.1",
        "127.8.8.8",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
    ] {
        let target = Target::parse(&url(&receiver, host)).unwrap();
        assert!(matches!(sender.route(&target), Err(Refusal::Address { .. })), "{host}");
    }
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"] {
        assert!(Target::parse(&url(&receiver, host)).is_err(), "{host}");
    }
    assert_eq!(receiver.connections(), 0);
    let networks = vec!["127.0.0.1".parse().unwrap()];
    let guard = Guard { networks, ..guarded(&receiver).guard };
    let settings = SenderSettings { guard, ..SenderSettings::default() };
    let allowed = Sender::new(settings, Answers::new(&[&["127.0.0.1"]]));
    let outcome = receiver.route(&allowed).send(request("{}")).await;
    assert_eq!(outcome.answer, Ok(200), "what is on the list of networks is reached");
}

/// A certificate of the server's tests: of an authority that nobody trusts, for `localhost`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../syncline-server/tests/it/tls").join(name)
}

async fn encrypted() -> Receiver {
    let chain = CertificateDer::from_pem_file(fixture("first.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("first.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![chain], key).unwrap();
    Receiver::encrypted(config, |_| answer("200 OK", "")).await
}

#[tokio::test]
async fn encrypted_requests_go_to_who_is_trusted_under_its_name() {
    let receiver = encrypted().await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_port = plain.local_addr().unwrap().port();
    let speaking = tokio::spawn(async move {
        // Answers in plain whatever is said.
        let mut socket = plain.accept().await.unwrap().0;
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    });
    let mut authority = RootCertStore::empty();
    authority.add(CertificateDer::from_pem_file(fixture("authority.pem")).unwrap()).unwrap();
    let trusting = |roots: &RootCertStore, port: u16| {
        let mut settings = settings();
        settings.guard.ports = vec![port];
        settings.trust = Trust::Roots(Arc::new(roots.clone()));
        Sender::new(settings, Answers::new(&[&["127.0.0.1"]]))
    };
    let nobody = RootCertStore::empty();
    let port = receiver.address.port();
    #[rustfmt::skip]
    let cases = [
        ("trusted",              &authority, "localhost",     port,       Ok(200)),
        ("nobody is trusted",    &nobody,    "localhost",     port,       Err(Failure::NotTrusted)),
        ("another name",         &authority, "hooks.example", port,       Err(Failure::NotTrusted)),
        ("its address",          &authority, "127.0.0.1",     port,       Err(Failure::NotTrusted)),
        ("not encrypted at all", &authority, "localhost",     plain_port, Err(Failure::NotTrusted)),
    ];
    for (name, roots, host, port, expected) in cases {
        let sender = trusting(roots, port);
        let to = route(&sender, &format!("https://{host}:{port}/"));
        assert_eq!(to.send(request("{}")).await.answer, expected, "case: {name}");
        if expected.is_ok() {
            assert_eq!(to.send(request("{}")).await.answer, expected, "on the same connection");
        }
    }
    assert_eq!(receiver.names(), ["localhost"]);
    assert!(receiver.requests().iter().all(|one| one.contains(&format!("host: localhost:{port}"))));
    assert_eq!(receiver.requests().len(), 2);
    speaking.await.unwrap();
}
