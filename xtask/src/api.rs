//! Asks a served hub what its description allows, and what it does not, with schemathesis.
//!
//! The hub is the one that users start; what is expected beyond the description stands in
//! `xtask/api/schemathesis.toml`.

use crate::failure::Failure;
use crate::process::{cargo, run};
use crate::suite;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Package and binary of the command.
const COMMAND: &str = "syncline";
/// What is asked with, from the root of the repository.
const FOLDER: &str = "xtask/api";
/// Where it is installed and played, below the folder of the build.
const STAGE: &str = "api-test";
/// Interpreters that may make the environment, the first that is there.
const PYTHONS: &[&str] = &["python3", "python3.13", "python3.12", "python3.11", "python"];
/// How often one request of the description is varied, and from which number on: the same each time.
const EXAMPLES: &[&str] = &["--max-examples", "25", "--seed", "1"];
/// Longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Asks a hub that is started for it; `arguments` go to schemathesis.
///
/// # Errors
///
/// Fails when something cannot be installed or started, or an answer is not as described.
pub(crate) fn check(root: &Path, arguments: &[String]) -> Result<(), Failure> {
    run(cargo(root).args(["build", "--quiet", "--package", COMMAND, "--bin", COMMAND]))?;
    // Cargo puts both programs into the same folder: same profile, same workspace.
    let program = std::env::current_exe()?.with_file_name(COMMAND);
    let stage = root.join("target").join(STAGE);
    fs::create_dir_all(&stage)?;
    let tools = install(root, &stage)?;
    let hub = Hub::start(&program, &root.join(FOLDER), &stage)?;
    hub.seed()?;
    let asked = run(Command::new(tools.join("schemathesis"))
        .current_dir(&stage)
        .args(["--config-file".as_ref(), root.join(FOLDER).join("schemathesis.toml").as_os_str()])
        .args(["run", &format!("http://{}/openapi.json", hub.address)])
        .args(["--header", &format!("Authorization: Bearer {}", hub.token)])
        .args(["--checks", "all", "--continue-on-failure", "--no-color"])
        .args(["--generation-database", "none"])
        .args(["--request-timeout", &ANSWER_WAIT.as_secs().to_string()])
        .args(EXAMPLES)
        .args(arguments));
    // Were the token gone, every answer would have been a refusal, and nothing shown.
    hub.ask("GET", "/v1/tokens", "")?;
    asked
}

/// Makes an environment of Python with what is required, once; answers its folder of programs.
fn install(root: &Path, stage: &Path) -> Result<PathBuf, Failure> {
    let requirements = root.join(FOLDER).join("requirements.txt");
    let environment = stage.join("venv");
    let installed = stage.join("installed.txt");
    let wanted = fs::read_to_string(&requirements)?;
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        run(Command::new(python(root)?).args(["-m", "venv", "--clear"]).arg(&environment))?;
        run(Command::new(environment.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(&requirements))?;
        fs::write(&installed, &wanted)?;
    }
    Ok(environment.join("bin"))
}

/// Returns a Python that can make an environment; installs one where there is none and we may.
fn python(root: &Path) -> Result<&'static str, Failure> {
    let find = || PYTHONS.iter().copied().find(|python| is_fit(python));
    if let Some(python) = find() {
        return Ok(python);
    }
    suite::install_programs(root, "Python 3.10 or later with its module `venv`")?;
    find().ok_or_else(|| Failure::new("there is no Python 3.10 or later with its module `venv`"))
}

fn is_fit(python: &str) -> bool {
    let program = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let tried = Command::new(python).args(["-c", program]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// A hub at work; it ends with this.
struct Hub {
    process: Child,
    address: String,
    token: String,
}

impl Hub {
    /// Starts it with a state of its own, on a port that is free.
    fn start(program: &Path, folder: &Path, stage: &Path) -> Result<Self, Failure> {
        let state = stage.join("state");
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        let mut process = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(folder.join("syncline.toml"))
            .arg("--state")
            .arg(&state)
            // Receivers without a secret answer 503.
            .env("WEBHOOK_SECRET", "a secret that no request is signed with")
            .env("CRON_SECRET", "a secret that no request names")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().expect("invariant: stdout was piped");
        let mut output = BufReader::new(output);
        let read = output.read_line(&mut line);
        let mut hub = Self { process, address: String::new(), token: String::new() };
        read?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.ok_or_else(|| Failure::new(format!("it does not serve: {line}")))?;
        hub.address = address.trim().to_owned();
        hub.token = fs::read_to_string(state.join("admin.token"))?.trim().to_owned();
        // What it says later is read, so that it can say it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(hub)
    }

    /// Makes two clients disagree, so that there is a conflict to look at.
    fn seed(&self) -> Result<(), Failure> {
        for client in ["phone", "tablet"] {
            let operation = format!(
                r#"{{"op":1,"entity":"tasks","id":"t1","at":"2026-11-20T10:00:00.000Z","set":{{"/title":"{client}"}}}}"#
            );
            let body = format!(r#"{{"client":"{client}","ops":[{operation}]}}"#);
            self.ask("POST", "/v1/push", &body)?;
        }
        Ok(())
    }

    /// Asks once, with a connection of its own.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<(), Failure> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        let (address, token, length) = (&self.address, &self.token, body.len());
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        match answer.starts_with("HTTP/1.1 200 ") {
            true => Ok(()),
            false => {
                let said = answer.lines().next().unwrap_or_default();
                Err(Failure::new(format!("{method} {path} was answered with {said}")))
            }
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
