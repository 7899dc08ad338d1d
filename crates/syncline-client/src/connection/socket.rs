//! A WebSocket to a hub: messages of the protocol in and out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use syncline_protocol::limits::ANSWER_BYTES_MAX;
use syncline_protocol::message::{ClientMessage, HubMessage};
use syncline_protocol::session::client::Lost;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::form::{Form, Unreadable, Written};

/// How long a message may take to leave, in milliseconds: as long as two heartbeats.
const SEND_MS_MAX: u64 = 60_000;

/// How long a hub may take to say goodbye, in milliseconds.
const CLOSE_MS_MAX: u64 = 1_000;

/// An open connection.
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) form: Form,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Message(HubMessage),
    /// A ping or a pong.
    Traffic,
    /// The connection ended.
    Lost(Lost),
    /// Something that is no message of the protocol.
    Unreadable,
}

impl Socket {
    /// Connects to an address of the form `ws://…` or `wss://…`.
    ///
    /// - `authorities`: who is trusted, in the PEM format, rather than whom the system trusts.
    pub(super) async fn connect(
        address: &str,
        token: &str,
        authorities: Option<&[u8]>,
    ) -> Result<Self, Lost> {
        let mut request = address.into_client_request().map_err(|_| Lost::Broken)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let headers = request.headers_mut();
        headers.insert("authorization", bearer.map_err(|_| Lost::Unauthorised)?);
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("syncline.v1"));
        let config = WebSocketConfig::default()
            .max_message_size(Some(ANSWER_BYTES_MAX))
            .max_frame_size(Some(ANSWER_BYTES_MAX));
        let connector = match address.starts_with("wss:") {
            true => Connector::Rustls(tls(authorities).ok_or(Lost::Broken)?),
            false => Connector::Plain,
        };
        let connected =
            connect_async_tls_with_config(request, Some(config), true, Some(connector)).await;
        match connected {
            Ok((stream, _)) => Ok(Self { stream, form: Form::default() }),
            Err(Error::Http(response)) => {
                let after = response.headers().get("retry-after");
                let after = after.and_then(|after| after.to_str().ok()?.parse::<u64>().ok());
                let after_ms = after.unwrap_or(1).saturating_mul(1_000);
                Err(match response.status() {
                    StatusCode::UNAUTHORIZED => Lost::Unauthorised,
                    StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                        Lost::Later { after_ms }
                    }
                    _ => Lost::Broken,
                })
            }
            Err(_) => Err(Lost::Broken),
        }
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, message: &ClientMessage) -> Result<(), Lost> {
        let written = self.form.write(message).ok_or(Lost::Broken)?;
        let stream = &mut self.stream;
        let send = async move {
            for one in written {
                stream
                    .feed(match one {
                        Written::Text(text) => Message::text(text),
                        Written::Binary(bytes) => Message::binary(bytes),
                    })
                    .await?;
            }
            stream.flush().await
        };
        match tokio::time::timeout(Duration::from_millis(SEND_MS_MAX), send).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost::Broken),
        }
    }

    /// Waits for what comes in next. Cancelling it loses nothing.
    pub(super) async fn hear(&mut self) -> Heard {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => heard(self.form.read(text.as_bytes())),
            Some(Ok(Message::Binary(bytes))) => heard(self.form.read_compressed(&bytes)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Traffic,
            Some(Ok(Message::Close(frame))) => Heard::Lost(lost(frame.as_ref())),
            Some(Err(_)) | None => Heard::Lost(Lost::Broken),
        }
    }

    /// Ends the connection.
    pub(super) async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        let end = async {
            let _ = self.stream.close(Some(frame)).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        // Whether the hub says goodbye or not, the connection is over.
        let _ = tokio::time::timeout(Duration::from_millis(CLOSE_MS_MAX), end).await;
    }
}

fn heard(read: Result<Option<HubMessage>, Unreadable>) -> Heard {
    match read {
        Ok(message) => message.map_or(Heard::Traffic, Heard::Message),
        Err(Unreadable) => Heard::Unreadable,
    }
}

fn lost(frame: Option<&CloseFrame>) -> Lost {
    match frame.map(|frame| u16::from(frame.code)) {
        Some(1001 | 1012) => Lost::Restarting,
        Some(1008) => Lost::Unauthorised,
        Some(1013) => Lost::Later { after_ms: 1_000 },
        _ => Lost::Broken,
    }
}

/// Returns how hubs are trusted: by these certificates, or by those of the system.
fn tls(authorities: Option<&[u8]>) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(match authorities {
        None => rustls_native_certs::load_native_certs().certs,
        Some(pem) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Some(Arc::new(config.ok()?.with_root_certificates(roots).with_no_client_auth()))
}
