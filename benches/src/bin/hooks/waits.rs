//! How long events are under way.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use syncline_benches::served::Hub;
use syncline_benches::waits::Waits;

use crate::emit::{emit, endpoint};
use crate::receiver::{Answers, Receiver};

/// Returns how long each event took from the beginning of the request that emits it to the receiver.
fn waits(begins: &[(u64, u64, Instant)], times: &HashMap<Vec<u8>, Instant>) -> io::Result<Waits> {
    let mut waits = Vec::new();
    for (first, last, begun) in begins {
        for number in *first..*last {
            let came = times.get(format!("evt_{number}").as_bytes());
            let came = came.ok_or_else(|| io::Error::other(format!("evt_{number} is missing")))?;
            waits.push(came.saturating_duration_since(*begun));
        }
    }
    Ok(Waits::new(waits))
}

/// Emits events one by one to a hub that has nothing else to do.
pub(crate) async fn unloaded(hub: &Hub, events: u64) -> io::Result<Waits> {
    let receiver = Receiver::start(Answers::Taken, true).await?;
    endpoint(hub, "one", &receiver, "*", 64)?;
    let begins = emit(hub, (0, events), (1, 1), Some(50.0), &|_| "enrollment.created".into())?;
    receiver.wait_for(events, Duration::from_secs(30)).await?;
    waits(&begins, &receiver.times())
}

/// Emits events at a rate, in requests of ten.
pub(crate) async fn loaded(hub: &Hub, per_second: f64, seconds: f64) -> io::Result<Waits> {
    let receiver = Receiver::start(Answers::Taken, true).await?;
    endpoint(hub, "one", &receiver, "*", 256)?;
    let events = (per_second * seconds) as u64;
    let kind = |_| "enrollment.created".into();
    let begins = emit(hub, (0, events), (50, 8), Some(per_second), &kind)?;
    receiver.wait_for(events, Duration::from_secs(60)).await?;
    waits(&begins, &receiver.times())
}

/// Emits events at a rate to some endpoints that work, beside one that hangs and one that fails, or without them.
pub(crate) async fn beside(
    hub: &Hub,
    (per_second, seconds): (f64, f64),
    is_disturbed: bool,
) -> io::Result<Waits> {
    let good = Receiver::start(Answers::Taken, true).await?;
    let hanging = Receiver::start(Answers::Never, false).await?;
    let failing = Receiver::start(Answers::Failed, false).await?;
    endpoint(hub, "good", &good, "*", 64)?;
    if is_disturbed {
        endpoint(hub, "hanging", &hanging, "*", 64)?;
        endpoint(hub, "failing", &failing, "*", 64)?;
    }
    let events = (per_second * seconds) as u64;
    let kind = |_| "enrollment.created".into();
    let begins = emit(hub, (0, events), (10, 4), Some(per_second), &kind)?;
    good.wait_for(events, Duration::from_secs(60)).await?;
    waits(&begins, &good.times())
}
