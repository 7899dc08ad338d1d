//! Trains the dictionary of the coding `zstd-dict` from generated messages and writes it to standard
//! output: `cargo run -p syncline-protocol --example train_dictionary > dictionary/syncline.v2`.
//!
//! Most messages are of one edit, in the compact form, over one connection: of these the dictionary saves
//! most. The bytes of a dictionary that was released never change. Another one has another name.

use std::error::Error;
use std::io::{self, Write};

use syncline_model::cursor::Incarnation;
use syncline_model::id::Position;
use syncline_protocol::compact::{ClientWriter, HubWriter, Names};
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::long;
use syncline_protocol::message::{ClientMessage, HubMessage};

/// Longest dictionary, in bytes.
const DICTIONARY_BYTES: usize = 16 << 10;
/// How many messages of each kind it is trained with.
const ROUNDS: u64 = 2_000;
/// Of how many rounds one is of messages in the long form, and of clients that were just greeted.
const LONG_ROUNDS: u64 = 8;

const FIRST_NAMES: &[&str] =
    &["Ada", "Grace", "Linus", "Barbara", "Ken", "Margaret", "Dennis", "Frances", "José", "Zoë"];
const LAST_NAMES: &[&str] = &[
    "Lovelace", "Hopper", "Liskov", "Thompson", "Hamilton", "Allen", "García", "Müller", "Nguyen",
];
const STREETS: &[&str] = &["Main St.", "High Street", "Station Road", "Park Avenue", "Hauptstraße"];
const WORDS: &[&str] = &[
    "call", "back", "the", "customer", "about", "invoice", "meeting", "tomorrow", "review", "offer",
];
const STATUSES: &[&str] = &["open", "done", "in progress", "cancelled", "waiting"];

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let index = self.roll(words.len() as u64);
        words[usize::try_from(index).unwrap_or_default()]
    }

    fn some(&mut self, words: &[&str], count: u64) -> String {
        (0..count).map(|_| self.one_of(words)).collect::<Vec<_>>().join(" ")
    }

    fn digits(&mut self, count: usize) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digit = |side: u64| char::from(DIGITS[usize::try_from(side).unwrap_or_default()]);
        (0..count).map(|_| digit(self.roll(64))).collect()
    }

    /// Returns a token of a record without details, or one that is short, or whole.
    fn token(&mut self) -> String {
        match self.roll(5) {
            0..2 => format!("AQ{}", self.digits(21)),
            2..4 => format!("~A{}", self.digits(21)),
            _ => format!("BQEB{}~A{}", self.digits(60), self.digits(21)),
        }
    }

    fn time(&mut self) -> String {
        let (day, hour, minute) = (self.roll(28) + 1, self.roll(24), self.roll(60));
        format!(
            "2026-11-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
            self.roll(60),
            self.roll(1_000)
        )
    }

    fn id(&mut self) -> String {
        match self.roll(3) {
            0 => return format!("{}-{}", self.one_of(WORDS), self.roll(100_000)),
            1 => return format!("{:05}", self.roll(100_000)),
            _ => {}
        }
        format!(
            "{:08x}-{:04x}-7{:03x}-9c4f-{:012x}",
            self.roll(1 << 31),
            self.roll(1 << 16),
            self.roll(1 << 12),
            self.roll(1 << 31)
        )
    }

    /// Returns the fields of a record, and the name of its entity.
    fn fields(&mut self) -> (&'static str, Vec<(&'static str, String)>) {
        let (first, last) = (self.one_of(FIRST_NAMES), self.one_of(LAST_NAMES));
        match self.roll(3) {
            0 => (
                "contacts",
                vec![
                    ("/name/first", format!("\"{first}\"")),
                    ("/name/last", format!("\"{last}\"")),
                    (
                        "/email",
                        format!("\"{}.{}@example.com\"", first.to_lowercase(), last.to_lowercase()),
                    ),
                    ("/phone", format!("\"+49 30 {}\"", self.roll(10_000_000))),
                    ("/company", format!("\"{last} GmbH\"")),
                    ("/address/street", format!("\"{} {}\"", self.one_of(STREETS), self.roll(200))),
                    ("/address/city", "\"Berlin\"".to_owned()),
                    ("/address/zip", format!("\"{}\"", 10_000 + self.roll(5_000))),
                    ("/address/country", "\"DE\"".to_owned()),
                    ("/notes", format!("\"{}\"", self.some(WORDS, 5))),
                    ("/tags", "[\"customer\",\"newsletter\"]".to_owned()),
                    ("/updatedAt", format!("\"{}\"", self.time())),
                ],
            ),
            1 => (
                "tasks",
                vec![
                    ("/title", format!("\"{}\"", self.some(WORDS, 3))),
                    ("/description", format!("\"{}\"", self.some(WORDS, 8))),
                    ("/status", format!("\"{}\"", self.one_of(STATUSES))),
                    ("/priority", self.roll(5).to_string()),
                    ("/due", format!("\"{}\"", self.time())),
                    ("/assignee", format!("\"{}\"", first.to_lowercase())),
                    ("/done", "false".to_owned()),
                    ("/labels", "[\"urgent\"]".to_owned()),
                    ("/views", self.roll(100).to_string()),
                    ("/createdAt", format!("\"{}\"", self.time())),
                ],
            ),
            _ => (
                "notes",
                vec![
                    ("/title", format!("\"{}\"", self.some(WORDS, 2))),
                    ("/body", format!("\"{}\"", self.some(WORDS, 20))),
                    ("/author", format!("\"{first} {last}\"")),
                    ("/color", "\"yellow\"".to_owned()),
                    ("/pinned", "true".to_owned()),
                    ("/createdAt", format!("\"{}\"", self.time())),
                    ("/updatedAt", format!("\"{}\"", self.time())),
                    ("/deletedAt", "null".to_owned()),
                ],
            ),
        }
    }

    fn some_fields(&mut self, all: &[(&'static str, String)]) -> String {
        let first = usize::try_from(self.roll(all.len() as u64)).unwrap_or_default();
        let count = 1 + usize::try_from(self.roll(3)).unwrap_or_default();
        let fields = all.iter().skip(first).take(count);
        fields.map(|(path, value)| format!("\"{path}\":{value}")).collect::<Vec<_>>().join(",")
    }

    fn operation(&mut self) -> String {
        let (entity, all) = self.fields();
        let set = match self.roll(6) {
            0 => all
                .iter()
                .map(|(path, value)| format!("\"{path}\":{value}"))
                .collect::<Vec<_>>()
                .join(","),
            _ => self.some_fields(&all),
        };
        let written = match self.roll(8) {
            0 => "\"inc\":{\"/views\":1}".to_owned(),
            1 => format!("\"add\":{{\"/tags\":[\"{}\"]}}", self.one_of(WORDS)),
            2 => format!(
                "\"text\":{{\"/body\":[{},\"{} \",{}]}}",
                1 + self.roll(90),
                self.one_of(WORDS),
                1 + self.roll(90)
            ),
            _ => format!("\"set\":{{{set}}}"),
        };
        format!(
            "{{\"op\":{},\"entity\":\"{entity}\",\"id\":\"{}\",\"base\":\"{}\",{written},\"at\":\"{}\"}}",
            1 + self.roll(100_000),
            self.id(),
            self.token(),
            self.time()
        )
    }

    fn change(&mut self) -> String {
        let (entity, all) = self.fields();
        let content = match self.roll(12) {
            0 => {
                let fields = all.iter().map(|(path, value)| format!("\"{path}\":{value}"));
                format!("\"set\":{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
            1 => {
                let flat = all.iter().filter(|(path, _)| path.matches('/').count() == 1);
                let members = flat.map(|(path, value)| format!("\"{}\":{value}", &path[1..]));
                format!("\"record\":{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            _ => format!("\"set\":{{{}}}", self.some_fields(&all)),
        };
        format!(
            "{{\"entity\":\"{entity}\",\"id\":\"{}\",\"position\":{},\"version\":\"{}\",{content},\"by\":\"phone-{}\"}}",
            self.id(),
            self.roll(10_000_000),
            self.token(),
            self.roll(10)
        )
    }

    fn outcome(&mut self) -> String {
        let (op, position, token) = (1 + self.roll(100_000), self.roll(10_000_000), self.token());
        let head = format!("{{\"op\":{op},\"status\":");
        let seen = format!("\"position\":{position},\"version\":\"{token}\"");
        match self.roll(6) {
            0 => format!(
                "{head}\"merged\",{seen},\"record\":{{\"title\":\"{}\",\"views\":8}}}}",
                self.some(WORDS, 2)
            ),
            1 => format!(
                "{head}\"rejected\",\"problem\":{{\"code\":\"RECORD_REFUSED\",\"detail\":\"the record is refused by a rule\",\"retryable\":false}}}}"
            ),
            _ => format!("{head}\"applied\",{seen}}}"),
        }
    }
}

/// Returns messages in both forms.
fn messages(dice: &mut Dice) -> Result<Vec<String>, Box<dyn Error>> {
    let incarnation = Incarnation(0x0123_4567_89ab_cdef);
    let list = |count: u64, one: &mut dyn FnMut() -> String| {
        (0..count).map(|_| one()).collect::<Vec<_>>().join(",")
    };
    let mut found = Vec::new();
    let (mut client, mut hub) = (ClientWriter::new(), HubWriter::new(incarnation));
    let mut names = Names::new();
    for round in 0..ROUNDS {
        let count = [1, 1, 1, 1, 1, 1, 3, 10][usize::try_from(dice.roll(8))?];
        let most = [1_000, 100_000, 10_000_000][usize::try_from(dice.roll(3))?];
        let position = dice.roll(most);
        let is_long = round.is_multiple_of(LONG_ROUNDS);
        if is_long {
            (client, hub) = (ClientWriter::new(), HubWriter::new(incarnation));
        }
        let cursor = StreamCursor::at_position(incarnation, Position(position)).to_string();
        let push = format!("{{\"push\":[{}]}}", list(count, &mut || dice.operation()));
        let results = format!(
            "{{\"results\":[{}],\"position\":{position}}}",
            list(count, &mut || dice.outcome())
        );
        let changes = format!(
            "{{\"view\":0,\"changes\":[{}],\"cursor\":\"{cursor}\",\"more\":false}}",
            list(count, &mut || dice.change())
        );
        let push: ClientMessage = long::read_client_message(push.as_bytes())?;
        found.extend(client.write(&push)?);
        found.extend(is_long.then(|| long::write_client_message(&push)).transpose()?);
        for message in [results, changes] {
            let message: HubMessage = long::read_hub_message(message.as_bytes())?;
            found.extend(hub.write(&message, &mut names));
            found.extend(is_long.then(|| long::write_hub_message(&message)));
        }
    }
    Ok(found)
}

fn main() -> Result<(), Box<dyn Error>> {
    let samples = messages(&mut Dice(7))?;
    let dictionary = zstd::dict::from_samples(&samples, DICTIONARY_BYTES)?;
    io::stdout().write_all(&dictionary)?;
    Ok(())
}
