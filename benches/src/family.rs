//! What a program and all that it has started take together.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Length of a tick of `/proc`; 100 per second on every Linux that we meet.
const TICK: Duration = Duration::from_millis(10);
/// How often memory is looked at: often enough for what grows over seconds, and it takes hardly a hundredth of a processor.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Processes with all that descend from them.
#[derive(Clone, Debug)]
pub struct Family(Vec<u32>);

/// What `/proc/<process>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// With that of children which have ended and were waited for.
    ticks: u32,
}

impl Family {
    /// Returns the family of these processes.
    pub const fn of(elders: Vec<u32>) -> Self {
        Self(elders)
    }

    /// Returns the family of this program: with all that it has started and waited for.
    pub fn own() -> Self {
        Self(vec![std::process::id()])
    }

    /// Returns its processor time, with that of members which have ended and were waited for.
    pub fn processor_time(&self) -> Duration {
        TICK * self.members().values().map(|stat| stat.ticks).sum()
    }

    /// Returns the memory that it holds, in bytes. Pages that several processes share count once.
    pub fn memory_bytes(&self) -> u64 {
        // One that has ended meanwhile holds nothing.
        let of = |process: &u32| fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok();
        self.members().keys().filter_map(of).map(|text| shared_bytes(&text)).sum()
    }

    fn members(&self) -> BTreeMap<u32, Stat> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let stat = |process: u32| {
            let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, stat(&text)?))
        };
        let all: BTreeMap<u32, Stat> = numbers.filter_map(stat).collect();
        let is_member = |process: u32| {
            let mut at = process;
            // A chain of parents that is longer was read while processes ended and began.
            for _ in 0..all.len() {
                if self.0.contains(&at) {
                    return true;
                }
                let Some(stat) = all.get(&at) else { return false };
                at = stat.parent;
            }
            false
        };
        all.iter()
            .filter(|(process, _)| is_member(**process))
            .map(|(process, stat)| (*process, *stat))
            .collect()
    }
}

fn stat(text: &str) -> Option<Stat> {
    // A name may hold anything, parentheses included.
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Stat { parent, ticks })
}

fn shared_bytes(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// The most memory that a family holds while it is looked at.
#[derive(Debug)]
pub struct Peak {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Peak {
    /// Begins to look.
    pub fn watch(family: Family) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut peak = 0;
            while !ends.load(Ordering::Relaxed) {
                peak = peak.max(family.memory_bytes());
                thread::sleep(LOOK_EVERY);
            }
            peak.max(family.memory_bytes())
        });
        Self { is_over, thread }
    }

    /// Ends the looking and returns the most that was seen, in bytes.
    pub fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_known_whatever_its_name_is() {
        let text = "7 (a) b (c) S 3 7 7 0 -1 4 1 2 3 4 11 12 13 14 20 0 1 0 5 6 7";
        assert_eq!(stat(text), Some(Stat { parent: 3, ticks: 50 }));
        assert_eq!(stat("7 (a"), None);
    }

    #[test]
    fn children_of_children_count_while_they_live_and_once_they_were_waited_for() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let script = format!("exec 3<&0; sh -c '{busy}'; sh -c 'read line' <&3 & echo ready; wait");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let family = Family::of(vec![shell.id()]);
        assert!(family.members().len() >= 2, "{:?}", family.members());
        assert!(family.processor_time() > Duration::ZERO);
        let alone = shared_bytes(
            &fs::read_to_string(format!("/proc/{}/smaps_rollup", shell.id())).unwrap(),
        );
        assert!(alone > 0 && Peak::watch(family).end() > alone);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(Family::own().processor_time() > Duration::ZERO);
    }
}
