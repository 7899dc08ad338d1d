//! Applications beside a hub of their own, whose scenes a program of Node plays in a browser.

use crate::failure::Failure;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program, from the root of the repository.
const PROGRAM: &str = "sdk/browsers/applications.js";
/// Where it finds the hub's.
const HUB_VARIABLE: &str = "SYNCLINE_BIN";
/// What it says when all scenes have come about.
const OVER: &str = "ok";
/// How long it may take to end by itself, with all that it has started.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long a look waits after the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// The applications, which stay up as long as this lives.
pub(super) struct Applications(Child);

impl Applications {
    /// Plays their scenes, and prints what they come to; `number` were played before.
    ///
    /// # Errors
    ///
    /// Fails when one of them does not come about.
    pub(super) fn play(root: &Path, hub: &Path, number: usize) -> Result<Self, Failure> {
        let mut child = Command::new("node")
            .arg(root.join(PROGRAM))
            .arg((number + 1).to_string())
            .env(HUB_VARIABLE, hub)
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().map(BufReader::new);
        let applications = Self(child);
        for line in said.into_iter().flat_map(BufRead::lines) {
            match line?.as_str() {
                OVER => return Ok(applications),
                line => println!("{line}"),
            }
        }
        Err(Failure::new("the scenes of the applications did not come about"))
    }
}

impl Drop for Applications {
    fn drop(&mut self) {
        // The end of its input has it end what it has started.
        drop(self.0.stdin.take());
        let begun = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begun.elapsed() < FAREWELL {
            thread::sleep(PAUSE);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
