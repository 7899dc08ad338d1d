//! A receiver of notices: a server of its own, in plain or over TLS, that answers as it is told.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::desk::repository;

/// A server that takes one connection for each of its answers and then is gone.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    served: JoinHandle<Vec<String>>,
}

/// Returns a file of the certificates for tests.
pub(crate) fn certificate(name: &str) -> std::path::PathBuf {
    repository("crates/syncline/tests/it/tls").join(name)
}

impl Receiver {
    /// Starts a server without encryption.
    pub(crate) fn plain(answers: &[&str]) -> Self {
        Self::start(answers, None)
    }

    /// Starts a server with the certificate for tests.
    pub(crate) fn encrypted(answers: &[&str]) -> Self {
        let chain = CertificateDer::from_pem_file(certificate("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(certificate("server.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        Self::start(answers, Some(Arc::new(config)))
    }

    fn start(answers: &[&str], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let served = std::thread::spawn(move || {
            let serve = |answer: String| {
                let (socket, _) = listener.accept().unwrap();
                match &tls {
                    None => exchange(socket, &answer),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).unwrap();
                        exchange(StreamOwned::new(session, socket), &answer)
                    }
                }
            };
            answers.into_iter().map(serve).collect()
        });
        Self { port, served }
    }

    /// Waits until every answer was given, and returns the requests.
    pub(crate) fn requests(self) -> Vec<String> {
        self.served.join().unwrap()
    }
}

/// Reads one request, as far as it comes, and answers it.
fn exchange(mut stream: impl Read + Write, answer: &str) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4_096];
    while !is_whole(&request) {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => request.extend(&piece[..count]),
            _ => break,
        }
    }
    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
    String::from_utf8_lossy(&request).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    // What has no body has no length.
    length.is_none_or(|(_, length)| body.len() >= length.parse().unwrap())
}
