//! Reports of a day or a week, sent by e-mail by the clock.

use std::sync::Arc;

use syncline_protocol::time::format_time;
use tokio::time::{sleep, timeout};

use super::channel::Unsent;
use super::mail::{self, MailSettings};
use super::receiver::{AlertReceiver, Channel};
use super::watch::Alerting;
use crate::access::now_ms;
use crate::limits::{ALERT_RETRY_WAITS, REPORT_HUBS_MAX, REPORT_LOOK_EVERY};
use crate::reporting::{Period, document, report_rows};
use crate::state::State;

/// One report that is due.
#[derive(Clone, Copy)]
struct Due {
    period: Period,
    /// When it was due, which is up to when it tells.
    at_ms: u64,
}

impl Alerting {
    /// Sends one receiver its reports until the server stops.
    pub(super) async fn report(self: Arc<Self>, receiver: AlertReceiver, state: Arc<State>) {
        let Channel::Mail(mail) = &receiver.channel else { return };
        let mut stopping = state.stopping.clone();
        while !state.is_stopping() {
            for period in &receiver.reports {
                let at_ms = period.due_ms(self.settings.report_hour, now_ms());
                let due = Due { period: *period, at_ms };
                if self.memory.owes_report(&receiver.name, *period, at_ms) {
                    let Some(sent) = self.send_report(mail, due, &state).await else { return };
                    let result = if sent.is_ok() { "told" } else { "failed" };
                    state.metrics.synchronization.alert_told(&receiver.name, result);
                    if let Err(why) = sent {
                        let (name, rhythm) = (&receiver.name, period.rhythm());
                        self.note_problem(format!(
                            "{name} was not sent its {rhythm} report: {why}"
                        ));
                    }
                    self.memory.report_sent(&receiver.name, *period, at_ms);
                }
            }
            if self.memory.has_reports_unsaved() {
                self.save().await;
            }
            // Nobody is left who could stop it.
            if let Ok(Err(_)) = timeout(REPORT_LOOK_EVERY, stopping.changed()).await {
                break;
            }
        }
    }

    /// Sends one, and tries again for a while; nothing if the server stops meanwhile.
    async fn send_report(
        &self,
        mail: &MailSettings,
        due: Due,
        state: &Arc<State>,
    ) -> Option<Result<(), String>> {
        let mut stopping = state.stopping.clone();
        let of = Arc::clone(state);
        let Ok((subject, text)) =
            state.hubs.default_desk().blocking(move || written(&of, due)).await
        else {
            return Some(Err("it could not be written".to_owned()));
        };
        // A receiver knows by it one that comes twice.
        let id = format!("report-{}-{}", due.period.as_str(), due.at_ms);
        let mut waits = ALERT_RETRY_WAITS.iter();
        loop {
            match mail::send(mail, &self.guard, &subject, text.clone(), &id).await {
                Ok(()) => return Some(Ok(())),
                Err(Unsent { why, is_passing }) => match waits.next().filter(|_| is_passing) {
                    None => return Some(Err(why)),
                    Some(wait) => tokio::select! {
                        () = sleep(*wait) => {}
                        _ = stopping.changed() => return None,
                    },
                },
            }
        }
    }
}

/// Returns subject and text of a report of all hubs; blocks.
fn written(state: &State, due: Due) -> (String, String) {
    let Due { period, at_ms } = due;
    let (from, to) = (format_time(period.begin_ms(at_ms)), format_time(at_ms));
    let mut text = format!("From {from} to {to}.\n");
    let desks = state.hubs.all();
    for desk in desks.iter().take(REPORT_HUBS_MAX) {
        let report = document(desk, period, at_ms, now_ms());
        let known = report.get("hoursKnown").map(|hours| hours.to_compact_string());
        let (hub, known) = (desk.label(), known.unwrap_or_default());
        text += &format!("\nHub {hub}: {known} of {} hours are known.\n", period.hours());
        for (name, value) in report_rows(&report) {
            text += &format!("  {name:<18}  {value}\n");
        }
    }
    if desks.len() > REPORT_HUBS_MAX {
        let more = desks.len() - REPORT_HUBS_MAX;
        text += &format!("\nThere are {more} more hubs: syncline report --hub NAME\n");
    }
    let word = if period == Period::Day { "Daily" } else { "Weekly" };
    (format!("[Syncline] {word} report up to {to}"), text)
}
