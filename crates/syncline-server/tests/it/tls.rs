//! TLS: who is trusted, and what is spoken over it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use syncline_server::TlsFiles;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::house::House;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)
}

async fn encrypted() -> House {
    // A key that others may read is refused, and who checks out a repository lets them.
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("key.pem");
    std::fs::write(&key, std::fs::read(fixture("first.key.pem")).unwrap()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    House::with(|settings| {
        settings.tls = Some(TlsFiles { certificate: fixture("first.pem"), key });
    })
    .await
}

/// Connects as who trusts the authority in a fixture, and expects a host of that name.
async fn connect(
    house: &House,
    authority: &str,
    name: &'static str,
    protocol: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture(authority)).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let socket = TcpStream::connect(house.server.address()).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_with_who_verifies_the_certificate() {
    let house = encrypted().await;
    let stream = connect(&house, "authority.pem", "localhost", "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = |method: &str, body: &Value| {
        Request::builder()
            .method(method)
            .uri("https://localhost/v1/entities/tasks/records/t1")
            .header("authorization", format!("Bearer {}", house.admin))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let made = sender.send_request(ask("PUT", &json!({ "n": 1 }))).await.unwrap();
    assert_eq!((made.status().as_u16(), made.version()), (201, Version::HTTP_2));
    let read = sender.send_request(ask("GET", &json!({}))).await.unwrap();
    let body = read.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["record"], json!({ "n": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_opened_over_tls() {
    let house = encrypted().await;
    let stream = connect(&house, "authority.pem", "localhost", "http/1.1").await.unwrap();
    let mut request = "wss://localhost/v1/live".into_client_request().unwrap();
    let bearer = format!("Bearer {}", house.admin);
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "syncline.v1".parse().unwrap());
    let (_, answer) = client_async(request, stream).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "syncline.v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_verifies_speaks_with_no_other_name_and_trusts_no_stranger() {
    let house = encrypted().await;
    for (authority, name) in [("authority.pem", "example.com"), ("second.pem", "localhost")] {
        let refused = connect(&house, authority, name, "h2").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{name}: {refused}");
    }
    // What is not encrypted is not understood.
    let mut plain = std::net::TcpStream::connect(house.server.address()).unwrap();
    plain
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 2"));
}
