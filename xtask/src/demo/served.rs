//! Plays the scenes: a hub that is served, and devices: programs, and browsers that one more program drives.

use super::equal::{self, Tasks};
use super::play::COMMAND;
use super::scenes::{Move, SCENES, SCENES_BROWSED};
use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
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
/// The program that drives the browsers, among the devices.
const BOARD: &str = "board";
/// The folder with tasks that no other place is told of, and the one without.
const FOLDERS: [&str; 2] = ["personal", "business"];
/// How long a program may take to end by itself; a browser that is not let end stays behind.
const FAREWELL: Duration = Duration::from_secs(20);

/// Who takes part.
pub(super) struct Cast {
    program: PathBuf,
    device_program: PathBuf,
    /// The program of the board, where there are browsers.
    board: Option<PathBuf>,
    folder: PathBuf,
    port: u16,
    /// Where the page of the board is.
    page_port: u16,
    hub: Option<Child>,
    /// Devices that are programs, and the board.
    devices: BTreeMap<&'static str, Device>,
    /// Who has a browser with the board.
    people: BTreeSet<&'static str>,
}

/// A program that is told line by line.
struct Device {
    child: Child,
    tell: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cast {
    /// Plays all scenes in the folder of the stage, and returns how many steps there were; `number` were played before.
    ///
    /// # Errors
    ///
    /// Fails when something does not come about.
    pub(super) fn play(
        [program, device_program]: [&Path; 2],
        board: Option<PathBuf>,
        folder: &Path,
        number: usize,
    ) -> Result<(Self, usize), Failure> {
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
            people: BTreeSet::new(),
        };
        let browsed = if cast.board.is_some() { SCENES_BROWSED } else { &[] };
        let mut number = number;
        for scene in SCENES.iter().chain(browsed) {
            number += 1;
            println!("\n{number}. {}", scene.title);
            for one in scene.moves {
                cast.act(one)
                    .map_err(|failure| Failure::new(format!("step {number}: {failure}")))?;
            }
        }
        Ok((cast, number))
    }

    fn act(&mut self, one: &Move) -> Result<(), Failure> {
        match one {
            Move::Serve => self.serve(),
            Move::Kill => {
                println!("   (the hub is killed)");
                self.hub.take().map_or(Ok(()), end).map_err(Failure::from)
            }
            Move::Begin(name) => self.begin(name),
            Move::Browse(people) => self.browse(people),
            Move::Tell(name, line) => self.together(&[(name, line)]),
            Move::Together(lines) => self.together(lines),
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
            Move::Holds(folder, texts) => self.holds(folder, texts, true),
            Move::Lacks(folder, text) => self.holds(folder, &[text], false),
            Move::Equal => self.equal(),
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

    fn browse(&mut self, people: &[(&'static str, &'static str)]) -> Result<(), Failure> {
        let board = self.board.as_ref().ok_or_else(|| Failure::new("there is no browser"))?;
        let mut program = Command::new("node");
        program.arg(board).args([&self.url(), TOKEN, &self.page_port.to_string(), BOARD_ENTITY]);
        self.start(BOARD, program)?;
        for (name, kind) in people {
            println!("   {name} opens the board in {kind}");
            self.people.insert(name);
            self.tell(name, &format!("open {kind}"))?;
        }
        people.iter().try_for_each(|(name, _)| self.answer(name).map(drop))?;
        people.iter().try_for_each(|(name, _)| self.ask(name, "sync").map(drop))
    }

    /// Starts a device and waits until it has heard the first line.
    fn welcome(&mut self, name: &'static str, program: Command) -> Result<(), Failure> {
        self.start(name, program)?;
        self.ask(name, "sync").map(drop)
    }

    fn start(&mut self, name: &'static str, mut program: Command) -> Result<(), Failure> {
        let mut child = program
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || Failure::new(format!("nobody hears {name}"));
        let tell = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        self.devices.insert(name, Device { child, tell, answers });
        Ok(())
    }

    /// Tells everybody before the first answer is waited for.
    fn together(&mut self, lines: &[(&'static str, &'static str)]) -> Result<(), Failure> {
        for (name, line) in lines {
            println!("   {name}> {line}");
            self.tell(name, line)?;
        }
        lines.iter().try_for_each(|(name, _)| self.answer(name).map(drop))
    }

    /// Tells a device something and returns what it answers.
    fn ask(&mut self, name: &str, line: &str) -> Result<Vec<String>, Failure> {
        self.tell(name, line)?;
        self.answer(name)
    }

    /// Returns the program of a device, or the one that drives its browser.
    fn device(&mut self, name: &str) -> Result<&mut Device, Failure> {
        let program = if self.people.contains(name) { BOARD } else { name };
        self.devices.get_mut(program).ok_or_else(|| Failure::new(format!("{name} has not begun")))
    }

    fn tell(&mut self, name: &str, line: &str) -> Result<(), Failure> {
        let is_at_board = self.people.contains(name);
        let device = self.device(name)?;
        if is_at_board {
            write!(device.tell, "{name} ")?;
        }
        writeln!(device.tell, "{line}")?;
        Ok(device.tell.flush()?)
    }

    /// Returns what a device answers to the first line that it was told and that is not answered yet.
    fn answer(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let device = self.device(name)?;
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

    fn equal(&mut self) -> Result<(), Failure> {
        let mut difference = String::new();
        let found = self.soon("they do not become equal", |cast| {
            let places = cast.places()?;
            match equal::compare(&places) {
                Ok(count) => Ok(Some((count, places))),
                Err(found) => {
                    difference = found;
                    Ok(None)
                }
            }
        });
        let (count, places) =
            found.map_err(|failure| Failure::new(format!("{failure}; {difference}")))?;
        let names: Vec<_> = places.iter().map(|(name, _)| *name).collect();
        println!("   equal, field by field: {count} tasks of {}", names.join(", "));
        Ok(())
    }

    /// Returns the tasks of every folder and device, but for those that stay at home.
    fn places(&mut self) -> Result<Vec<(&'static str, Tasks)>, Failure> {
        let programs: Vec<_> = self.devices.keys().copied().filter(|name| *name != BOARD).collect();
        let reader = *programs.first().ok_or_else(|| Failure::new("there is no device"))?;
        let mut places = Vec::new();
        for folder in FOLDERS {
            let file = self.tasks(folder).display().to_string();
            let tasks = equal::read(&self.ask(reader, &format!("list {file}"))?)?;
            let is_at_home = folder == FOLDERS[0];
            places.push((folder, if is_at_home { equal::without_home(tasks) } else { tasks }));
        }
        for name in programs.into_iter().chain(self.people.clone()) {
            places.push((name, equal::read(&self.ask(name, "list")?)?));
        }
        Ok(places)
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

    fn holds(&mut self, folder: &str, texts: &[&str], expected: bool) -> Result<(), Failure> {
        let word = if expected { "says" } else { "does not say" };
        let file = self.tasks(folder);
        for text in texts {
            self.soon(&format!("it never comes about that {folder} {word} `{text}`"), |_| {
                let has = fs::read_to_string(&file)?.contains(text);
                Ok((has == expected).then_some(()))
            })?;
        }
        println!("   {folder} {word} {}", texts.join(" / "));
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
        self.devices.retain(|name, _| *name == BOARD);
        let people = self.people.clone();
        people.iter().try_for_each(|name| self.tell(name, "leave"))?;
        let mut links = Vec::new();
        for name in people {
            let link = self.answer(name)?;
            links.extend(link.into_iter().map(|link| format!("  {name}: {link}")));
        }
        let folder = self.folder.display();
        println!("\nThe hub stays up at {}; edit {folder}/data, or be a device:", self.url());
        println!(
            "  cd {folder} && {} {} {TOKEN} tablet",
            self.device_program.display(),
            self.url()
        );
        if !links.is_empty() {
            println!("Or open the board in a browser, as one of them:\n{}", links.join("\n"));
        }
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
