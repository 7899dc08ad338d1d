//! The table, and the lines that are kept.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use syncline_benches::duel::{Costs, log_log_slope, median};
use syncline_benches::machine;
use syncline_benches::measure::Cost;

use crate::scenarios::Finding;

/// Largest wanted growth of the time per record from the smallest size to the largest.
const GROWTH_RATIO_MAX: f64 = 1.5;

/// Findings, with the circumstances that belong to them.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) load_before: f64,
    findings: Vec<Finding>,
}

/// The medians of one contender's rounds.
#[derive(Clone, Copy, Debug)]
struct Medians {
    wall_ms: f64,
    wall_ms_min: f64,
    user_ms: f64,
    system_ms: f64,
    peak_mib: f64,
}

impl Medians {
    fn of(costs: &Costs) -> Option<Self> {
        let Costs::Rounds(costs) = costs else {
            return None;
        };
        let middle = |value: fn(&Cost) -> f64| median(costs.iter().map(value));
        Some(Self {
            wall_ms: middle(|cost| cost.wall.as_secs_f64() * 1e3)?,
            wall_ms_min: costs
                .iter()
                .map(|cost| cost.wall.as_secs_f64() * 1e3)
                .min_by(f64::total_cmp)?,
            user_ms: middle(|cost| cost.user.as_secs_f64() * 1e3)?,
            system_ms: middle(|cost| cost.system.as_secs_f64() * 1e3)?,
            peak_mib: middle(|cost| cost.peak_bytes as f64 / 1_048_576.0)?,
        })
    }

    fn cpu_ms(&self) -> f64 {
        self.user_ms + self.system_ms
    }

    fn json(self) -> Value {
        json!({
            "wall_ms": rounded(self.wall_ms),
            "wall_ms_min": rounded(self.wall_ms_min),
            "user_ms": rounded(self.user_ms),
            "system_ms": rounded(self.system_ms),
            "peak_mib": rounded(self.peak_mib),
        })
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl Report {
    pub(crate) fn start() -> Self {
        Self {
            commit: machine::commit(),
            processor: machine::processor(),
            load_before: machine::load_average().unwrap_or(f64::NAN),
            findings: Vec::new(),
        }
    }

    /// Prints a finding and keeps it.
    pub(crate) fn add(&mut self, finding: Finding) {
        println!(
            "{} – median of {} rounds, {} noisy",
            finding.what, finding.rounds, finding.outcome.noisy_rounds
        );
        let ours = print_row("ours", &finding.outcome.ours);
        let peer = print_row("peer", &finding.outcome.peer);
        if let (Some(ours), Some(peer)) = (ours, peer) {
            println!(
                "  ratio  wall {:>8.3}   cpu {:>8.3}   peak {:>8.3}{}",
                ours.wall_ms / peer.wall_ms,
                ours.cpu_ms() / peer.cpu_ms(),
                ours.peak_mib / peer.peak_mib,
                verdict(&finding, ours, peer),
            );
        }
        println!();
        self.findings.push(finding);
    }

    /// Prints how time and memory grow with the number of records.
    pub(crate) fn print_growth(&self) {
        let growth = || self.findings.iter().filter(|finding| finding.key == "growth");
        for (name, costs) in [("ours", 0), ("peer", 1)] {
            let points: Vec<(f64, Medians)> = growth()
                .filter_map(|finding| {
                    let both = [&finding.outcome.ours, &finding.outcome.peer];
                    Some((finding.items as f64, Medians::of(both[costs])?))
                })
                .collect();
            let slope = |value: fn(&Medians) -> f64| {
                let points: Vec<(f64, f64)> =
                    points.iter().map(|(items, medians)| (*items, value(medians))).collect();
                log_log_slope(&points)
            };
            let (Some(wall), Some(cpu), Some(memory)) =
                (slope(|m| m.wall_ms), slope(Medians::cpu_ms), slope(|m| m.peak_mib))
            else {
                println!("  {name}: too few sizes for a slope");
                continue;
            };
            let per_record = |point: &(f64, Medians)| point.1.wall_ms * 1e3 / point.0;
            let (first, last) = (per_record(&points[0]), per_record(&points[points.len() - 1]));
            println!(
                "  {name}: slope wall {wall:.3}, cpu {cpu:.3}, memory {memory:.3}; \
                 µs per record {first:.2} → {last:.2} = {:.2} × (wanted of ours: ≤ {GROWTH_RATIO_MAX})",
                last / first
            );
        }
        println!();
    }

    /// Appends one JSON line per finding.
    pub(crate) fn append_to(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut out = OpenOptions::new().create(true).append(true).open(path)?;
        let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let load_after = machine::load_average();
        for finding in &self.findings {
            let line = json!({
                "unix_s": unix_s,
                "commit": self.commit,
                "processor": self.processor,
                "load_before": self.load_before,
                "load_after": load_after,
                "scenario": finding.key,
                "items": finding.items,
                "rounds": finding.rounds,
                "noisy_rounds": finding.outcome.noisy_rounds,
                "ours": costs_json(&finding.outcome.ours),
                "peer": costs_json(&finding.outcome.peer),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn print_row(name: &str, costs: &Costs) -> Option<Medians> {
    let medians = Medians::of(costs);
    match (medians, costs) {
        (Some(medians), _) => println!(
            "  {name}   wall {:>8.1} ms (min {:.1})   cpu {:>8.1} ms (user {:.1}, system {:.1})   peak {:>7.1} MiB",
            medians.wall_ms,
            medians.wall_ms_min,
            medians.cpu_ms(),
            medians.user_ms,
            medians.system_ms,
            medians.peak_mib
        ),
        (None, Costs::Failed(why)) => println!("  {name}   failed: {why}"),
        (None, Costs::Rounds(_)) => println!("  {name}   not run"),
    }
    medians
}

fn verdict(finding: &Finding, ours: Medians, peer: Medians) -> String {
    let rows = [
        ("wall", finding.wall_ratio_max, ours.wall_ms / peer.wall_ms),
        ("peak", finding.memory_ratio_max, ours.peak_mib / peer.peak_mib),
    ];
    rows.into_iter()
        .filter_map(|(name, wanted, ratio)| Some((name, wanted?, ratio)))
        .map(|(name, wanted, ratio)| {
            let word = if ratio <= wanted { "met" } else { "MISSED" };
            format!("   {name} ≤ {wanted}: {word}")
        })
        .collect()
}

fn costs_json(costs: &Costs) -> Value {
    match (Medians::of(costs), costs) {
        (Some(medians), _) => medians.json(),
        (None, Costs::Failed(why)) => json!({ "failed": why }),
        (None, Costs::Rounds(_)) => Value::Null,
    }
}
