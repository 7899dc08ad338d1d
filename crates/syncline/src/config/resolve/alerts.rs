//! Who is told that a hub does badly, and from when on it does.

use std::collections::BTreeSet;

use syncline_engine::alert::{Kind, Rule, Rules, Severity};
use syncline_server::limits::ALERT_RECEIVERS_MAX;
use syncline_server::{MailTls, Period};

use super::super::document::{AlertReceiverText, AlertRuleText, AlertsText};
use super::super::error::{At, Refusal};
use super::super::settings::{AlertChannel, AlertReceiver, Alerts, MailPlace};
use super::super::units;
use super::{unknown_word, within};

/// Where PagerDuty takes events unless another address is given; the one of the EU is another.
const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// The kinds of receivers.
const KINDS: &str = "webhook, slack, pagerduty, sentry, email";
/// The ways to a mail server, with their usual ports.
const SCHEMES: [(&str, MailTls, u16); 3] = [
    ("smtps://", MailTls::Wrapped, 465),
    ("smtp://", MailTls::Upgraded, 587),
    ("smtp+plain://", MailTls::None, 25),
];

pub(super) fn alerts(text: &AlertsText) -> Result<Alerts, Refusal> {
    let at = At::new("alerts");
    let mut rules = Rules::default();
    if let Some(repeat) = &text.repeat {
        rules.repeat_ms = duration(repeat, &at.key("repeat"))?.max(60_000);
    }
    for (word, given) in text.rules.iter() {
        let at = at.key("rules").key(word);
        let known = || Kind::ALL.map(Kind::as_str).join(", ");
        let kind =
            Kind::from_word(word).ok_or_else(|| unknown_word(at.clone(), "alert", &known()))?;
        let usual = Rules::default().get(kind).copied();
        rules.set(kind, rule(kind, given, usual, &at)?);
    }
    within(text.to.len(), ALERT_RECEIVERS_MAX, &at.key("to"))?;
    let receivers = text.to.iter().enumerate();
    let receivers = receivers.map(|(index, to)| receiver(to, index, &at.key("to").index(index)));
    let receivers: Vec<AlertReceiver> = receivers.collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    for (index, receiver) in receivers.iter().enumerate() {
        if !names.insert(receiver.name.as_str()) {
            let why = "what is still to be told is remembered by name";
            let next = "give each its own `name`";
            let at = at.key("to").index(index);
            return Err(Refusal::new(at, "has the name of another one", why, next));
        }
    }
    if text.report_hour.is_some_and(|hour| hour > 23) {
        let (why, next) = ("a day has the hours 0 to 23", "write the hour by UTC, such as 6");
        return Err(Refusal::new(at.key("report_hour"), "is no hour", why, next));
    }
    Ok(Alerts { rules, receivers, report_hour: text.report_hour })
}

fn rule(
    kind: Kind,
    given: &AlertRuleText,
    usual: Option<Rule>,
    at: &At,
) -> Result<Option<Rule>, Refusal> {
    if given.off {
        return Ok(None);
    }
    let Some(mut rule) = usual else { return Ok(None) };
    if let Some(threshold) = given.threshold {
        let fits = threshold >= 0.0 && threshold.is_finite();
        if !fits || (kind.is_share() && threshold > 1.0) {
            let why = "a share is from 0 to 1, and all else is a number from 0 on";
            let next = "write it such as 0.1 for a tenth, or 300 for five minutes";
            return Err(Refusal::new(at.key("threshold"), "is no threshold", why, next));
        }
        rule.threshold = threshold;
    }
    if let Some(text) = &given.for_time {
        rule.for_ms = duration(text, &at.key("for"))?;
    }
    if let Some(word) = &given.severity {
        rule.severity = severity(word, &at.key("severity"))?;
    }
    Ok(Some(rule))
}

fn duration(text: &str, at: &At) -> Result<u64, Refusal> {
    let why = "it is a number and a unit";
    units::long_millis(text).ok_or_else(|| {
        Refusal::new(at.clone(), "is no time", why, "write it such as \"5m\" or \"4h\"")
    })
}

fn severity(word: &str, at: &At) -> Result<Severity, Refusal> {
    match word {
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        _ => Err(unknown_word(at.clone(), "severity", "warning, critical")),
    }
}

fn receiver(text: &AlertReceiverText, index: usize, at: &At) -> Result<AlertReceiver, Refusal> {
    let required = |name: &str, given: &Option<String>| {
        let missing = || {
            let what = format!("has no `{name}`, which one of the kind `{}` needs", text.kind);
            let why = "nobody would be told";
            let next = "write it, or where it is found: `env:NAME`, `file:PATH` or `cmd:PROGRAM`";
            Refusal::new(at.clone(), what, why, next)
        };
        given.clone().filter(|text| !text.is_empty()).ok_or_else(missing)
    };
    let channel = match text.kind.as_str() {
        "webhook" => AlertChannel::Webhook {
            url: required("url", &text.url)?,
            secret: required("secret", &text.secret)?,
        },
        "slack" => AlertChannel::Slack { url: required("url", &text.url)? },
        "pagerduty" => AlertChannel::PagerDuty {
            url: text.url.clone().unwrap_or_else(|| PAGER_DUTY.to_owned()),
            key: required("secret", &text.secret)?,
        },
        "sentry" => AlertChannel::Sentry { dsn: required("url", &text.url)? },
        "email" => AlertChannel::Mail(mail(text, &required("url", &text.url)?, at)?),
        _ => return Err(unknown_word(at.key("kind"), "kind of receiver", KINDS)),
    };
    let severity_min = match &text.severity {
        None => Severity::Warning,
        Some(word) => severity(word, &at.key("severity"))?,
    };
    let name = text.name.clone().unwrap_or_else(|| format!("{}-{}", text.kind, index + 1));
    let reports = reports(&text.reports, &channel, &at.key("reports"))?;
    Ok(AlertReceiver { name, channel, severity_min, reports })
}

fn reports(words: &[String], channel: &AlertChannel, at: &At) -> Result<Vec<Period>, Refusal> {
    if !words.is_empty() && !matches!(channel, AlertChannel::Mail(_)) {
        let why = "a report is a page to read, and is sent as an e-mail";
        let next = "write it at a receiver of the kind `email`";
        return Err(Refusal::new(at.clone(), "is not for this kind of receiver", why, next));
    }
    let period = |word: &String| {
        Period::from_rhythm(word).ok_or_else(|| unknown_word(at.clone(), "report", "daily, weekly"))
    };
    // One that is named twice is sent once.
    let periods: BTreeSet<Period> = words.iter().map(period).collect::<Result<_, _>>()?;
    Ok(periods.into_iter().collect())
}

fn mail(text: &AlertReceiverText, url: &str, at: &At) -> Result<MailPlace, Refusal> {
    let refused = |what: &str| {
        let why = "e-mails are handed to a mail server";
        let next = "write it such as smtps://mail.example.org or smtp://mail.example.org:587";
        Refusal::new(at.key("url"), what, why, next)
    };
    let found = SCHEMES
        .iter()
        .find_map(|(scheme, tls, port)| Some((url.strip_prefix(scheme)?, *tls, *port)));
    let (place, tls, usual) = found.ok_or_else(|| refused("is no mail server"))?;
    let place = place.trim_end_matches('/');
    let (host, port) = match place.rsplit_once(':').filter(|_| !place.ends_with(']')) {
        Some((host, port)) => (host, port.parse().map_err(|_| refused("has no port"))?),
        None => (place, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(['@', '/', '?']) {
        return Err(refused("is no mail server"));
    }
    let people = |name: &str, is_there: bool| match is_there {
        true => Ok(()),
        false => {
            let why = "an e-mail is from somebody and goes to somebody";
            Err(Refusal::new(at.clone(), format!("has no `{name}`"), why, "write addresses"))
        }
    };
    people("from", text.from.is_some())?;
    people("to", !text.to.is_empty())?;
    if text.user.is_some() != text.secret.is_some() {
        let why = "a mail server asks for both or for neither";
        let next = "give `user` and `secret`, its password";
        return Err(Refusal::new(at.clone(), "has a user or a password alone", why, next));
    }
    Ok(MailPlace {
        host: host.to_owned(),
        port,
        tls,
        login: text.user.clone().zip(text.secret.clone()),
        from: text.from.clone().unwrap_or_default(),
        to: text.to.clone(),
    })
}
