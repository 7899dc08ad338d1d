//! Who is told that a hub does badly: what the configuration names, with the secrets found.

use syncline_server::{AlertReceiver as Told, AlertSettings, Channel, MailSettings, SecretText};

use crate::config::{AlertChannel, AlertReceiver, Alerts};
use crate::failure::Refusal;
use crate::run::secret;

/// Returns who is told of what.
///
/// # Errors
///
/// - [`Refusal::Secret`] if a secret is not found.
/// - [`Refusal::AlertReceiver`] if somebody cannot be told so.
pub(super) fn settings(alerts: &Alerts) -> Result<AlertSettings, Refusal> {
    let receivers = alerts.receivers.iter().map(receiver).collect::<Result<_, _>>()?;
    let usual = AlertSettings::default();
    let report_hour = alerts.report_hour.unwrap_or(usual.report_hour);
    Ok(AlertSettings { rules: alerts.rules.clone(), receivers, report_hour, ..usual })
}

fn receiver(written: &AlertReceiver) -> Result<Told, Refusal> {
    let refused = |reason: String| Refusal::AlertReceiver { name: written.name.clone(), reason };
    let found = |text: &String| {
        let text = secret::found(text).map_err(|lost| match lost {
            secret::Lost::Program(refusal) => refusal,
            secret::Lost::Place(reason) => refused(reason),
        });
        SecretText::new(&text?).ok_or_else(|| refused("a text that it needs is empty".to_owned()))
    };
    let channel = match &written.channel {
        AlertChannel::Webhook { url, secret } => {
            Channel::Webhook { url: found(url)?, secret: found(secret)? }
        }
        AlertChannel::Slack { url } => Channel::Slack { url: found(url)? },
        AlertChannel::PagerDuty { url, key } => {
            Channel::PagerDuty { url: found(url)?, key: found(key)? }
        }
        AlertChannel::Sentry { dsn } => Channel::Sentry { dsn: found(dsn)? },
        AlertChannel::Mail(mail) => {
            let login = match &mail.login {
                Some((user, password)) => Some((user.clone(), found(password)?)),
                None => None,
            };
            Channel::Mail(MailSettings {
                host: mail.host.clone(),
                port: mail.port,
                tls: mail.tls,
                login,
                from: mail.from.clone(),
                to: mail.to.clone(),
            })
        }
    };
    channel.check().map_err(|error| refused(error.to_string()))?;
    Ok(Told {
        name: written.name.clone(),
        channel,
        severity_min: written.severity_min,
        reports: written.reports.clone(),
    })
}
