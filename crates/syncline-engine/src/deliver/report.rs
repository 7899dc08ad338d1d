//! What the outcome of an attempt makes of a delivery and of its endpoint.

use syncline_merge::fault::{Fault, is_planted};

use super::breaker::{BreakerState, Sign};
use super::cursor::{DisableReason, Failing};
use super::delivery::{AttemptResult, Delivery, DeliveryState};
use super::exchange::Notice;
use super::limits::{
    CODE_BYTES_MAX, DISABLE_FAILURES_MIN, EXCERPT_BYTES_MAX, Millis, WARNINGS_PERCENT,
};
use super::outcome::{Report, Verdict};
use super::queue::Queue;
use crate::rows::Batch;

/// How long an endpoint must fail before its cursor's row says so: an endpoint that fails now and then
/// does not cost a row each time.
const FAILING_NOTED_MS: Millis = 60_000;

impl Queue {
    /// An attempt has ended. Answers nothing if it is not under way, and else how many bytes it held.
    pub(super) fn handle_report(
        &mut self,
        now: Millis,
        random: u64,
        report: &Report,
        batch: &mut Batch,
        notices: &mut Vec<Notice>,
    ) -> Option<u32> {
        if report.made != self.made {
            // It was removed meanwhile, and another one has its id.
            return None;
        }
        let mut row = self.land(report.position, report.attempt)?;
        let bytes = row.bytes;
        let verdict = report.outcome.verdict();
        if verdict == Verdict::LeftOut {
            self.breaker.handle_sign(now, Sign::Nothing, &self.settings.breaker);
            self.leave_out(now, report.position, *row, batch);
            return Some(bytes);
        }
        note_attempt(&mut row, report, verdict);
        let hold_ms = report.outcome.hold_ms();
        if let Some(hold_ms) = hold_ms {
            self.hold_until_ms = self.hold_until_ms.max(now.saturating_add(hold_ms));
            self.window = 1;
        }
        let sign = match verdict {
            _ if hold_ms.is_some() => Sign::Nothing,
            Verdict::Delivered => Sign::Works,
            Verdict::Refused => Sign::Refuses,
            Verdict::Failing => Sign::Fails,
            Verdict::Gone | Verdict::Throttled | Verdict::Unsent { .. } | Verdict::LeftOut => {
                Sign::Nothing
            }
        };
        let turned = self.breaker.handle_sign(now, sign, &self.settings.breaker);
        if let Some(state) = turned {
            notices.push(Notice::Breaker { endpoint: self.id.clone(), state });
        }
        if verdict == Verdict::Delivered {
            self.window = self.window.saturating_add(1).min(self.settings.in_flight_max.get());
            row.state = DeliveryState::Delivered;
            row.failing_since_ms = None;
            self.finish(now, report.position, *row, batch);
        } else {
            row.failing_since_ms.get_or_insert(now);
            let mut wait = self.settings.schedule.wait_ms(row.tries, random);
            if is_planted(Fault::AttemptsUnbounded) {
                wait = wait.or(Some(1));
            }
            let wait = wait.map(|wait_ms| wait_ms.max(hold_ms.unwrap_or(0)));
            let is_hopeless = matches!(verdict, Verdict::Unsent { is_hopeless: true });
            match wait.filter(|_| !is_hopeless) {
                Some(wait_ms) => {
                    self.retry_at(now, now + wait_ms, report.position, *row, batch);
                }
                None => {
                    let row = (*row, report.outcome.code());
                    self.give_up(now, report.position, row, batch, notices);
                }
            }
        }
        self.judge(now, verdict, batch, notices);
        if hold_ms.is_some() || turned.is_some() {
            self.write_cursor(now, batch);
        }
        Some(bytes)
    }

    /// Counts for how long the endpoint has done nothing but fail, warns, and disables it.
    fn judge(
        &mut self,
        now: Millis,
        verdict: Verdict,
        batch: &mut Batch,
        notices: &mut Vec<Notice>,
    ) {
        let endpoint = self.id.clone();
        if self.disabled.is_some() {
            return;
        }
        match verdict {
            Verdict::Unsent { .. } | Verdict::LeftOut => return,
            Verdict::Delivered => {
                self.failing = None;
                if std::mem::take(&mut self.is_failing_noted) {
                    self.write_cursor(now, batch);
                }
                return;
            }
            Verdict::Gone => {
                let reason = DisableReason::Gone;
                self.disable(now, reason, batch);
                notices.push(Notice::Disabled { endpoint, reason });
                return;
            }
            Verdict::Throttled | Verdict::Refused | Verdict::Failing => {}
        }
        let disable_after_ms = self.settings.disable_after_ms;
        let failing = self.failing.get_or_insert(Failing { since_ms: now, failures: 0, warned: 0 });
        failing.failures = failing.failures.saturating_add(1);
        let passed_ms = now.saturating_sub(failing.since_ms);
        let mut is_to_note = !self.is_failing_noted && passed_ms >= FAILING_NOTED_MS;
        if let Some(after_ms) = disable_after_ms {
            if passed_ms >= after_ms && failing.failures >= DISABLE_FAILURES_MIN {
                self.is_failing_noted = true;
                let reason = DisableReason::Failing;
                self.disable(now, reason, batch);
                notices.push(Notice::Disabled { endpoint, reason });
                return;
            }
            let passed = |percent: &&u8| passed_ms >= after_ms / 100 * Millis::from(**percent);
            let warned = WARNINGS_PERCENT.iter().take_while(passed).count();
            if warned > usize::from(failing.warned) {
                failing.warned = u8::try_from(warned).unwrap_or(u8::MAX);
                let percent = WARNINGS_PERCENT.get(warned - 1).copied().unwrap_or(0);
                let disable_at_ms = failing.since_ms.saturating_add(after_ms);
                notices.push(Notice::WillDisable { endpoint, percent, disable_at_ms });
                is_to_note = true;
            }
        }
        if is_to_note {
            self.is_failing_noted = true;
            self.write_cursor(now, batch);
        }
    }

    /// Returns how the breaker stands.
    pub(super) const fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }
}

/// Says in the latest attempt what came of it.
fn note_attempt(row: &mut Delivery, report: &Report, verdict: Verdict) {
    let Some(attempt) = row.attempts.last_mut() else { return };
    attempt.result = match verdict {
        Verdict::Delivered => AttemptResult::Delivered,
        _ => AttemptResult::Failed,
    };
    attempt.status = report.outcome.status();
    attempt.duration_ms = report.duration_ms;
    attempt.code = cut(report.outcome.code(), CODE_BYTES_MAX).into();
    attempt.excerpt = cut(&report.excerpt, EXCERPT_BYTES_MAX).into();
}

/// Returns the beginning of a text, of so many bytes at most.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}
