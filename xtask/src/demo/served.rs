//! Plays the scenes: a hub that is served, and devices, each a program of its own; one is a browser.

use super::play::COMMAND;
use super::scenes::{Move, SCENES, SCENES_BROWSED};
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine; mostly it is a moment.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a look waits after the one before.
const PAUSE: Duration = Duration::from_millis(50);
/// What the hub says, in the stage.
const HUB_OUTPUT: &str = "hub.txt";
/// The hub's first access token, in the stage.
const TOKEN: &str = ".syncline/admin.token";

/// The type of record that the example app shows.
const BOARD_ENTITY: &str = "tasks";
/// How long a device may take to end by itself; a browser that is not let end stays behind.
const FAREWELL: Duration = Duration::from_secs(10);

/// Who takes part.
pub(super) struct Cast {
    program: PathBuf,
    device_program: PathBuf,
    /// The program of the board, where there is a browser.
    board: Option<PathBuf>,
    folder: PathBuf,
    port: u16,
    /// Where the page of the board is.
    page_port: u16,
    hub: Option<Child>,
    devices: BTreeMap<&'static str, Device>,
}

/// A device: a program that is told line by line.
struct Device {
    child: Child,
    tell: ChildStdin,
    answers: BufReader<ChildStdout>,
    is_browser: bool,
}

impl Cast {
    /// Plays all scenes in the folder of the stage; `number` steps were played before.
    ///
    /// # Errors
    ///
    /// Fails when something does not come about.
    pub(super) fn play(
        [program, device_program]: [&Path; 2],
        board: Option<PathBuf>,
        folder: &Path,
        number: usize,
    ) -> Result<Self, Failure> {
        // The hub comes back to where its devices look for it.
        let [port, page_port] = free_ports()?;
        let mut cast = Self {
            program: program.to_owned(),
            device_program: device_program.to_owned(),
            board,
            folder: folder.to_owned(),
            port,
            page_port,
            hub: None,
            devices: BTreeMap::new(),
        };
        let browsed = if cast.board.is_some() { SCENES_BROWSED } else { &[] };
        for (index, scene) in SCENES.iter().chain(browsed).enumerate() {
            println!("\n{}. {}", number + index + 1, scene.title);
            for one in scene.moves {
                cast.act(one).map_err(|failure| {
                    Failure::new(format!("step {}: {failure}", number + index + 1))
                })?;
            }
        }
        Ok(cast)
    }

    fn act(&mut self, one: &Move) -> Result<(), Failure> {
        match one {
            Move::Serve => self.serve(),
            Move::Kill => {
                println!("   (the hub is killed)");
                self.hub.take().map_or(Ok(()), end).map_err(Failure::from)
            }
            Move::Begin(name) => self.begin(name),
            Move::Browse(name) => self.browse(name),
            Move::Tell(name, line) => {
                println!("   {name}> {line}");
                self.ask(name, line).map(drop)
            }
            Move::Edit(folder, [from, to]) => self.edit(folder, from, to),
            Move::Shows(name, question, expected) => {
                let answer =
                    self.soon(&format!("{name} does not answer `{expected}`"), |cast| {
                        let answer = cast.ask(name, question)?;
                        Ok(answer.into_iter().find(|line| line.contains(expected)))
                    })?;
                println!("   {name}> {question}\n      {answer}");
                Ok(())
            }
            Move::Holds(folder, text) => self.holds(folder, text, true),
            Move::Lacks(folder, text) => self.holds(folder, text, false),
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn serve(&mut self) -> Result<(), Failure> {
        let listen = format!("127.0.0.1:{}", self.port);
        let page = format!("http://127.0.0.1:{}", self.page_port);
        println!("   $ {COMMAND} serve --watch --listen {listen} --origin {page}");
        let output = File::create(self.folder.join(HUB_OUTPUT))?;
        let hub = Command::new(&self.program)
            .args(["serve", "--watch", "--listen", &listen, "--origin", &page])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        self.hub = Some(hub);
        self.soon("the hub does not begin", |cast| {
            if let Some(status) = cast.hub.as_mut().and_then(|hub| hub.try_wait().transpose()) {
                let said = fs::read_to_string(cast.folder.join(HUB_OUTPUT))?;
                return Err(Failure::new(format!("the hub ended, {}:\n{said}", status?)));
            }
            let said = fs::read_to_string(cast.folder.join(HUB_OUTPUT))?;
            Ok(said.contains("Serving http").then_some(()))
        })
    }

    fn begin(&mut self, name: &'static str) -> Result<(), Failure> {
        println!("   {name} begins");
        let mut program = Command::new(&self.device_program);
        program.args([&self.url(), TOKEN, name]);
        self.welcome(name, program)
    }

    fn browse(&mut self, name: &'static str) -> Result<(), Failure> {
        println!("   {name} opens the board");
        let board = self.board.as_ref().ok_or_else(|| Failure::new("there is no browser"))?;
        let mut program = Command::new("node");
        program.arg(board).args([&self.url(), TOKEN, name]);
        program.args([&self.page_port.to_string(), BOARD_ENTITY]);
        self.welcome(name, program)
    }

    /// Starts a device and waits until it has heard the first line.
    fn welcome(&mut self, name: &'static str, mut program: Command) -> Result<(), Failure> {
        let mut child = program
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || Failure::new(format!("nobody hears {name}"));
        let tell = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let is_browser = program.get_program() == "node";
        self.devices.insert(name, Device { child, tell, answers, is_browser });
        self.ask(name, "sync").map(drop)
    }

    /// Tells a device something and returns what it answers.
    fn ask(&mut self, name: &str, line: &str) -> Result<Vec<String>, Failure> {
        let unknown = || Failure::new(format!("{name} has not begun"));
        let device = self.devices.get_mut(name).ok_or_else(unknown)?;
        writeln!(device.tell, "{line}")?;
        device.tell.flush()?;
        let mut answer = Vec::new();
        loop {
            let mut line = String::new();
            if device.answers.read_line(&mut line)? == 0 {
                return Err(Failure::new(format!("{name} has ended")));
            }
            match line.trim_end() {
                "ok" => return Ok(answer),
                line if line.starts_with('!') => {
                    return Err(Failure::new(format!("{name} says {line}")));
                }
                line => answer.push(line.to_owned()),
            }
        }
    }

    fn tasks(&self, folder: &str) -> PathBuf {
        self.folder.join(format!("data/{folder}/tasks.json"))
    }

    fn edit(&self, folder: &str, from: &str, to: &str) -> Result<(), Failure> {
        println!("   {folder}: {from} becomes {to}");
        let file = self.tasks(folder);
        let text = fs::read_to_string(&file)?;
        if text.matches(from).count() != 1 {
            return Err(Failure::new(format!("{folder} does not say `{from}` once")));
        }
        Ok(fs::write(file, text.replace(from, to))?)
    }

    fn holds(&mut self, folder: &str, text: &str, expected: bool) -> Result<(), Failure> {
        let word = if expected { "says" } else { "does not say" };
        let file = self.tasks(folder);
        self.soon(&format!("it never comes about that {folder} {word} `{text}`"), |_| {
            let has = fs::read_to_string(&file)?.contains(text);
            Ok((has == expected).then_some(()))
        })?;
        println!("   {folder} {word} {text}");
        Ok(())
    }

    /// Looks again and again until something has come about.
    fn soon<T>(
        &mut self,
        otherwise: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::new(otherwise.to_owned()));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Leaves the hub up until it ends, by Ctrl-C for one.
    ///
    /// # Errors
    ///
    /// Fails if nobody can wait for it.
    pub(super) fn stay(&mut self) -> Result<(), Failure> {
        self.devices.retain(|_, device| device.is_browser);
        let names: Vec<_> = self.devices.keys().copied().collect();
        let mut links = Vec::new();
        for name in names {
            links.extend(self.ask(name, "leave")?);
        }
        let folder = self.folder.display();
        println!("\nThe hub stays up at {}; edit {folder}/data, or be a device:", self.url());
        println!(
            "  cd {folder} && {} {} {TOKEN} tablet",
            self.device_program.display(),
            self.url()
        );
        links.iter().for_each(|link| println!("Or open the board in a browser:\n  {link}"));
        println!("Ctrl-C ends it.");
        if let Some(hub) = &mut self.hub {
            hub.wait()?;
        }
        Ok(())
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.take() {
            let _ = end(hub);
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = writeln!(self.tell, "quit");
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < FAREWELL {
            thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns two ports of this machine that nobody listens at.
fn free_ports() -> std::io::Result<[u16; 2]> {
    // Both are held until both are known, or they could be the same.
    let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let [hub, page] = held;
    Ok([hub?.local_addr()?.port(), page?.local_addr()?.port()])
}

/// Kills a program and waits until it is gone.
fn end(mut program: Child) -> std::io::Result<()> {
    program.kill()?;
    program.wait().map(drop)
}
