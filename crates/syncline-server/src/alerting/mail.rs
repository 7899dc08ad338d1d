//! E-mails, handed to a mail server.

use std::net::IpAddr;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use syncline_domains::app::{AddressKind, Guard};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::channel::Unsent;
use crate::application::SecretText;
use crate::limits::{ALERT_SEND_TIME_MAX, MAIL_CONNECT_TIME_MAX, MAIL_RECEIVERS_MAX};

/// How e-mails are sent.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The mail server, a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// The user and password that it asks for.
    pub login: Option<(String, SecretText)>,
    /// From whom they are, such as `syncline@example.org`.
    pub from: String,
    /// To whom they go.
    pub to: Vec<String>,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte on.
    Wrapped,
    /// After `STARTTLS`, which is required: a server that does not offer it is told nothing.
    Upgraded,
    /// Not at all: only on this machine.
    None,
}

/// What is wrong with how e-mails are sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailError {
    /// An address is none.
    #[error("`{address}` is no address of an e-mail")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody, or too many.
    #[error("an e-mail goes to 1 to {MAIL_RECEIVERS_MAX} addresses")]
    Receivers,
    /// Passwords and facts of the hub would cross a network that others listen to.
    #[error("a mail server without encryption has to be on this machine")]
    Plaintext,
}

impl MailSettings {
    pub(super) fn check(&self) -> Result<(), MailError> {
        if self.to.is_empty() || self.to.len() > MAIL_RECEIVERS_MAX {
            return Err(MailError::Receivers);
        }
        self.to.iter().chain([&self.from]).try_for_each(|address| mailbox(address).map(drop))?;
        let is_here = self.host == "localhost"
            || self.host.parse().is_ok_and(|host: IpAddr| host.to_canonical().is_loopback());
        match self.tls == MailTls::None && !is_here {
            true => Err(MailError::Plaintext),
            false => Ok(()),
        }
    }
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    address.parse().map_err(|_| MailError::Address { address: address.to_owned() })
}

/// Sends an e-mail, in one try.
///
/// - `id`: what its `Message-ID` begins with.
pub(super) async fn send(
    settings: &MailSettings,
    guard: &Guard,
    subject: &str,
    text: String,
    id: &str,
) -> Result<(), Unsent> {
    let message = message(settings, subject, text, id)?;
    let address = resolved(settings, guard).await?;
    let transport = transport(settings, address)?;
    match timeout(ALERT_SEND_TIME_MAX, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_permanent() => {
            // What the server says may repeat addresses; the code is enough.
            let status = error.status().map_or_else(String::new, |status| format!(" ({status})"));
            Err(Unsent::for_good(format!("the mail server refuses it{status}")))
        }
        Ok(Err(error)) if error.is_tls() => {
            Err(Unsent::passing("the mail server could not prove who it is"))
        }
        Ok(Err(_)) => Err(Unsent::passing("the mail server could not be asked")),
        Err(_) => Err(Unsent::passing("the mail server took too long")),
    }
}

fn message(
    settings: &MailSettings,
    subject: &str,
    text: String,
    id: &str,
) -> Result<Message, Unsent> {
    let refused = |error: MailError| Unsent::for_good(error.to_string());
    let mut message = Message::builder()
        .from(mailbox(&settings.from).map_err(refused)?)
        .subject(subject)
        .message_id(Some(format!("<{id}@syncline>")))
        .header(ContentType::TEXT_PLAIN);
    for to in &settings.to {
        message = message.to(mailbox(to).map_err(refused)?);
    }
    message.body(text).map_err(|_| Unsent::for_good("the e-mail cannot be made"))
}

/// Returns the address of the mail server: the name is looked up once, every address is looked at, and one of these
/// is connected to.
async fn resolved(settings: &MailSettings, guard: &Guard) -> Result<IpAddr, Unsent> {
    let found = tokio::net::lookup_host((settings.host.as_str(), settings.port)).await;
    let found = found.map_err(|_| Unsent::passing("the mail server's name is not known"))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    for address in &addresses {
        guard.check_address(*address).map_err(|refusal| Unsent::for_good(refusal.to_string()))?;
        let is_here = AddressKind::of(address.to_canonical()) == AddressKind::Loopback;
        if settings.tls == MailTls::None && !is_here {
            return Err(Unsent::for_good(MailError::Plaintext.to_string()));
        }
    }
    // A name may have addresses that nobody serves, such as the sixth version's.
    for address in addresses {
        let connected = TcpStream::connect((address, settings.port));
        if let Ok(Ok(_)) = timeout(MAIL_CONNECT_TIME_MAX, connected).await {
            return Ok(address);
        }
    }
    Err(Unsent::passing("the mail server cannot be reached"))
}

fn transport(
    settings: &MailSettings,
    address: IpAddr,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Unsent> {
    // By its own name, whatever address it has.
    let parameters = || {
        let made = TlsParameters::new(settings.host.clone());
        made.map_err(|_| Unsent::for_good("this machine trusts no authority"))
    };
    let tls = match settings.tls {
        MailTls::Wrapped => Tls::Wrapper(parameters()?),
        MailTls::Upgraded => Tls::Required(parameters()?),
        MailTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
        .port(settings.port)
        .tls(tls)
        .hello_name(ClientId::Domain("syncline".to_owned()))
        .timeout(Some(ALERT_SEND_TIME_MAX));
    if let Some((user, password)) = &settings.login {
        let password = password.expose().to_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: &str, tls: MailTls) -> MailSettings {
        let to = vec!["Ops <ops@example.org>".to_owned()];
        let from = "syncline@example.org".to_owned();
        MailSettings { host: host.to_owned(), port: 25, tls, login: None, from, to }
    }

    #[test]
    fn what_cannot_be_sent_or_would_not_be_encrypted_is_refused_at_once() {
        for (host, tls) in [
            ("mail.example.org", MailTls::Upgraded),
            ("127.0.0.1", MailTls::None),
            ("localhost", MailTls::None),
        ] {
            assert_eq!(settings(host, tls).check(), Ok(()), "{host}");
        }
        assert_eq!(settings("mail.example.org", MailTls::None).check(), Err(MailError::Plaintext));
        let nobody = MailSettings { to: Vec::new(), ..settings("localhost", MailTls::None) };
        assert_eq!(nobody.check(), Err(MailError::Receivers));
        for odd in ["ops", "ops@", "a@b\r\nBcc: c@d", ""] {
            let odd =
                MailSettings { to: vec![odd.to_owned()], ..settings("localhost", MailTls::None) };
            assert!(matches!(odd.check(), Err(MailError::Address { .. })), "{odd:?}");
        }
    }
}
