//! Facts about the machine that belong beside every figure.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// Length of a tick of `/proc/stat`; 100 per second on every Linux that we meet.
const TICK: Duration = Duration::from_millis(10);

/// Returns the load average of the last minute, or `None` where `/proc` does not tell.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Returns the processor time used by everything on the machine since it started.
pub fn processor_time() -> Option<Duration> {
    busy_ticks(&fs::read_to_string("/proc/stat").ok()?).map(|ticks| TICK * ticks)
}

/// Returns the processor time of this process, to a hundredth of a second; none where `/proc` does
/// not tell.
pub fn own_processor_time() -> Duration {
    processor_time_of(std::process::id())
}

/// Returns the processor time of a process, as [`own_processor_time`].
pub fn processor_time_of(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    TICK * ticks.filter_map(|word| word.parse::<u32>().ok()).sum()
}

/// Sums user, nice, system, irq, softirq and steal of the first line of `/proc/stat`.
fn busy_ticks(stat: &str) -> Option<u32> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = fields[..] else {
        return None;
    };
    u32::try_from(user + nice + system + irq + softirq + steal).ok()
}

/// Returns the processor's name and how many cores may be used.
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split_once(": ")))
        .map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores")
}

/// Returns the commit that is checked out, with `+` when files differ from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(hash) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        _ => format!("{hash}+"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy_time() {
        let stat = "cpu  100 20 30 9999 8888 4 5 6 7 8\ncpu0 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_ticks(stat), Some(165));
        assert_eq!(busy_ticks("cpu  1 2 3\n"), None);
    }
}
