//! TLS by rustls, with the one provider of this workspace.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::settings::TlsFiles;

/// How often at most the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why certificate and key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not of the PEM format.
    #[error("{file}: {reason}")]
    File {
        /// Which file.
        file: Box<str>,
        /// Why, without any of its content.
        reason: Box<str>,
    },
    /// They do not belong together, or are of a kind that is not safe any more.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Certificate and key, read again when their files change.
pub(crate) struct Tls {
    files: TlsFiles,
    kept: Mutex<Kept>,
}

struct Kept {
    acceptor: TlsAcceptor,
    modified: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        // Before the reading: what changes meanwhile is read once more.
        let modified = modified(files);
        let kept = Kept { acceptor: acceptor(files)?, modified, looked: Instant::now() };
        Ok(Self { files: files.clone(), kept: Mutex::new(kept) })
    }

    /// Returns what answers handshakes. Files that do not fit are on their way, or a mistake: the
    /// certificate from before stays.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.looked.elapsed() >= LOOK {
            kept.looked = Instant::now();
            let modified = modified(&self.files);
            if modified != kept.modified
                && let Ok(acceptor) = acceptor(&self.files)
            {
                (kept.acceptor, kept.modified) = (acceptor, modified);
            }
        }
        kept.acceptor.clone()
    }
}

fn modified(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| fs::metadata(file).ok()?.modified().ok())
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let at = |path: &Path, reason: String| TlsError::File {
        file: path.display().to_string().into(),
        reason: reason.into(),
    };
    let read = CertificateDer::pem_file_iter(&files.certificate);
    let chain: Result<Vec<_>, _> = read.and_then(Iterator::collect);
    let chain = chain.map_err(|error| at(&files.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key);
    let key = key.map_err(|error| at(&files.key, error.to_string()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)
    }

    /// Puts a certificate and its key in place as if at another time, and lets them be looked at.
    fn replace(tls: &Tls, names: [&str; 2], at_s: u64) {
        for (name, file) in names.iter().zip([&tls.files.certificate, &tls.files.key]) {
            fs::copy(fixture(name), file).unwrap();
            let file = fs::File::options().append(true).open(file).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at_s)).unwrap();
        }
        tls.kept.lock().unwrap().looked = Instant::now().checked_sub(LOOK).unwrap();
    }

    /// Returns whether a client that trusts the authority is shown the certificate of a fixture.
    async fn shows(tls: &Tls, name: &str) -> bool {
        let read = |name| CertificateDer::from_pem_file(fixture(name)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(read("authority.pem")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let theirs = listener.accept().await.unwrap().0;
        let (acceptor, connector) = (tls.acceptor(), TlsConnector::from(Arc::new(config)));
        let host = ServerName::try_from("localhost").unwrap();
        let (accepted, connected) =
            tokio::join!(acceptor.accept(theirs), connector.connect(host, ours));
        accepted.unwrap();
        let stream = connected.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0] == read(name)
    }

    #[tokio::test]
    async fn a_certificate_is_read_again_when_it_changes_and_kept_while_its_files_do_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] =
            ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        fs::copy(fixture("first.pem"), &certificate).unwrap();
        fs::copy(fixture("first.key.pem"), &key).unwrap();
        let tls = Tls::open(&TlsFiles { certificate, key }).unwrap();
        assert!(shows(&tls, "first.pem").await);
        replace(&tls, ["second.pem", "first.key.pem"], 1);
        assert!(shows(&tls, "first.pem").await, "the key is not there yet");
        replace(&tls, ["second.pem", "second.key.pem"], 2);
        assert!(shows(&tls, "second.pem").await);
        fs::remove_file(&tls.files.key).unwrap();
        assert!(shows(&tls, "second.pem").await);
    }
}
