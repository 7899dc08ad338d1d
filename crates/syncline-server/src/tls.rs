//! TLS by rustls, with the one provider of this workspace.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::settings::TlsFiles;

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

/// Returns what answers handshakes.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
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
