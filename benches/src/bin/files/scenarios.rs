//! The jobs that both programs are given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use syncline_benches::duel::{Contender, Outcome, Quiet, duel};
use syncline_benches::edits::Edits;
use syncline_benches::measure::{Program, RunError, run};
use syncline_benches::records::{Entity, Plan, Side};

/// Percentage of a side's records that the other side has too.
const SHARED: u64 = 50;
/// Percentage of the shared records whose contents differ.
const DIFFERING: u64 = 50;
/// One record in a hundred is edited on each side, never the same one.
const EDITED_ONE_IN: u64 = 100;
/// Our exit codes of a finished job: done, or done with conflicts left for review.
const GOOD_CODES: &[i32] = &[0, 5];
/// More rounds than elsewhere: a start takes milliseconds and its noise is large.
const START_ROUNDS_MIN: u32 = 21;

/// Everything that the scenarios share.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The binary to measure; `None`: the peer takes its place.
    pub(crate) syncline: Option<PathBuf>,
    pub(crate) node: PathBuf,
    pub(crate) peer_script: PathBuf,
    /// Absolute, and this harness' own.
    pub(crate) dir: PathBuf,
    pub(crate) items: u64,
    pub(crate) seed: u64,
    pub(crate) rounds: u32,
    pub(crate) quiet: Quiet,
}

/// What a scenario found, and what it should find.
#[derive(Debug)]
pub(crate) struct Finding {
    /// Short and stable: the key in recorded results.
    pub(crate) key: &'static str,
    /// What was done, for people.
    pub(crate) what: String,
    /// Records per side that were synced.
    pub(crate) items: u64,
    /// Largest wanted ratio of wall times, ours to the peer's.
    pub(crate) wall_ratio_max: Option<f64>,
    /// Largest wanted ratio of peak memory.
    pub(crate) memory_ratio_max: Option<f64>,
    pub(crate) rounds: u32,
    pub(crate) outcome: Outcome,
}

impl Bench {
    pub(crate) fn ours_name(&self) -> String {
        match &self.syncline {
            Some(path) => format!("{} sync", path.display()),
            None => "the peer itself (a test of this harness)".to_owned(),
        }
    }

    pub(crate) fn peer_name(&self) -> String {
        format!("{} benches/peers/cross_domain_sync.mjs", self.node.display())
    }

    /// Writes the data that the first three scenarios start from.
    pub(crate) fn write_data(&self) -> io::Result<()> {
        for entity in Entity::ALL {
            self.write_plan(&self.plan(entity, self.items))?;
        }
        Ok(())
    }

    /// (a) Both sides are met for the first time.
    pub(crate) fn first_sync(&self) -> io::Result<Finding> {
        let [ours, peer] = self.contenders("first", self.items, None);
        let outcome =
            duel([&ours, &peer], self.rounds, self.quiet, |folder, _| self.renew(folder))?;
        let what = format!("first sync, 5 × {} × 2", self.items);
        Ok(self.finding("first", what, (Some(1.2), Some(0.5)), outcome))
    }

    /// (b) A second run, and a third …
    pub(crate) fn nothing_changed(&self) -> io::Result<Finding> {
        let [ours, peer] = self.contenders("same", self.items, None);
        self.settle(&ours)?;
        self.settle(&peer)?;
        let outcome = duel([&ours, &peer], self.rounds, self.quiet, |_, _| Ok(()))?;
        Ok(self.finding("same", "nothing changed".to_owned(), (Some(0.08), Some(0.5)), outcome))
    }

    /// (c) One record in a hundred was edited on each side.
    pub(crate) fn one_percent_changed(&self) -> io::Result<Finding> {
        let [ours, peer] = self.contenders("some", self.items, None);
        self.settle(&ours)?;
        self.settle(&peer)?;
        let outcome = duel([&ours, &peer], self.rounds, self.quiet, edit_both_sides)?;
        let what = "1 % changed on each side".to_owned();
        Ok(self.finding("some", what, (Some(0.25), Some(0.5)), outcome))
    }

    /// (d) The first sync of one entity, at one size.
    pub(crate) fn growth(&self, size: u64, rounds: u32) -> io::Result<Finding> {
        fs::remove_dir_all(self.pristine()).or_else(ignore_missing)?;
        self.write_plan(&self.plan(Entity::Contacts, size))?;
        let [ours, peer] = self.contenders("growth", size, Some(Entity::Contacts));
        let outcome = duel([&ours, &peer], rounds, self.quiet, |folder, _| self.renew(folder))?;
        for contender in [ours, peer] {
            fs::remove_dir_all(contender.folder).or_else(ignore_missing)?;
        }
        let what = format!("growth: contacts, {size} × 2");
        Ok(Finding { items: size, rounds, ..self.finding("growth", what, (None, None), outcome) })
    }

    /// (e) The smallest thing that the program can do.
    pub(crate) fn start(&self) -> io::Result<Finding> {
        let node = Program {
            executable: self.node.clone(),
            arguments: vec!["-e".to_owned(), "0".to_owned()],
            good_codes: &[0],
        };
        let version = self.syncline.clone().map(|executable| Program {
            executable,
            arguments: vec!["version".to_owned()],
            good_codes: &[0],
        });
        let folder = self.dir.join("start");
        fs::create_dir_all(&folder)?;
        let ours = Contender {
            name: "ours",
            program: version.unwrap_or_else(|| node.clone()),
            folder: folder.clone(),
        };
        let peer = Contender { name: "peer", program: node, folder };
        let rounds = self.rounds.max(START_ROUNDS_MIN);
        let outcome = duel([&ours, &peer], rounds, self.quiet, |_, _| Ok(()))?;
        let what = "start: `syncline version`, `node -e 0` (wanted: 5 ms)".to_owned();
        Ok(Finding { items: 0, rounds, ..self.finding("start", what, (None, None), outcome) })
    }

    /// Returns a sentence with the size of the stripped binary.
    pub(crate) fn binary_size(&self) -> io::Result<String> {
        let Some(binary) = &self.syncline else {
            return Ok(String::new());
        };
        let stripped = self.dir.join("syncline.stripped");
        let status = Command::new("strip").arg("-o").arg(&stripped).arg(binary).status()?;
        if !status.success() {
            return Err(io::Error::other("`strip` failed"));
        }
        let mib = fs::metadata(stripped)?.len() as f64 / 1_048_576.0;
        Ok(format!("binary: {mib:.1} MiB stripped (wanted: at most 15)"))
    }

    fn finding(
        &self,
        key: &'static str,
        what: String,
        (wall_ratio_max, memory_ratio_max): (Option<f64>, Option<f64>),
        outcome: Outcome,
    ) -> Finding {
        let (items, rounds) = (self.items, self.rounds);
        // Of the peer against itself nothing is wanted.
        let wanted = |ratio: Option<f64>| ratio.filter(|_| self.syncline.is_some());
        let (wall_ratio_max, memory_ratio_max) = (wanted(wall_ratio_max), wanted(memory_ratio_max));
        Finding { key, what, items, wall_ratio_max, memory_ratio_max, rounds, outcome }
    }

    fn plan(&self, entity: Entity, items: u64) -> Plan {
        Plan::even(entity, items, SHARED, DIFFERING, self.seed)
    }

    fn pristine(&self) -> PathBuf {
        self.dir.join("pristine")
    }

    fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        let data = self.pristine().join("data");
        plan.write_file(Side::Source, &data, "personal")?;
        plan.write_file(Side::Target, &data, "business")
    }

    /// Returns both programs.
    ///
    /// - `items`: records per entity and side at the start; a side may hold twice as many after.
    /// - `entity`: the only one to sync; all five if `None`.
    fn contenders(&self, scenario: &str, items: u64, entity: Option<Entity>) -> [Contender; 2] {
        let mut job: Vec<String> =
            ["--source", "personal", "--target", "business", "--direction", "bidirectional"]
                .map(str::to_owned)
                .to_vec();
        if let Some(entity) = entity {
            job.extend(["--entities", entity.name()].map(str::to_owned));
        }
        let mut peer_arguments = vec![self.peer_script.display().to_string()];
        peer_arguments.extend(job.iter().cloned());
        let peer =
            Program { executable: self.node.clone(), arguments: peer_arguments, good_codes: &[0] };
        let ours = match &self.syncline {
            None => peer.clone(),
            Some(binary) => {
                let mut arguments = vec!["sync".to_owned()];
                arguments.extend(job);
                let items_max = (2 * items).to_string();
                arguments
                    .extend(["--max-items", &items_max, "--max-bytes", "8GB"].map(str::to_owned));
                Program { executable: binary.clone(), arguments, good_codes: GOOD_CODES }
            }
        };
        let folder = |name| self.dir.join(format!("{scenario}-{name}"));
        [
            Contender { name: "ours", program: ours, folder: folder("ours") },
            Contender { name: "peer", program: peer, folder: folder("peer") },
        ]
    }

    /// Gives `folder` the data as first written, and nothing else.
    fn renew(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir_all(folder).or_else(ignore_missing)?;
        copy_folder(&self.pristine(), folder)
    }

    /// Brings a contender to the state after its first sync; twice, so that nothing is left to do.
    fn settle(&self, contender: &Contender) -> io::Result<()> {
        self.renew(&contender.folder)?;
        for _ in 0..2 {
            if let Err(RunError::Io(error)) = run(&contender.program, &contender.folder) {
                return Err(error);
            }
        }
        Ok(())
    }
}

fn edit_both_sides(folder: &Path, round: u32) -> io::Result<()> {
    for entity in Entity::ALL {
        for (domain, class) in [("personal", 0), ("business", EDITED_ONE_IN / 2)] {
            let file = folder.join(format!("data/{domain}/{}.json", entity.name()));
            let edits = Edits { entity, one_in: EDITED_ONE_IN, class, round: round.into() };
            edits.apply(&file)?;
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
