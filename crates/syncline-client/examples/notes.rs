//! Notes on two devices: open, edit, watch.
//!
//! ```text
//! cargo run -p syncline-client --example notes -- http://127.0.0.1:8787 .syncline/admin.token anna
//! cargo run -p syncline-client --example notes -- http://127.0.0.1:8787 .syncline/admin.token ben
//! ```
//!
//! Then type: `add milk Buy some milk`, `offline`, `type milk and bread`, `online`, `list`, `help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::error::Error;
use std::io::BufRead as _;
use std::time::Duration;

use syncline_client::{Client, Event, Notice, Options, Query, Record, Subscription};

const HELP: &str = "\
add <id> <text>     begins a note, or gives it another text
type <id> <text>    types at the end of a note
like <id>           counts one more like
tag <id> <tag>      tags a note
del <id>            deletes a note
list                shows all notes
offline, online     cuts the network off, and connects again
status, sync, quit";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, token_file, name] = arguments.as_slice() else {
        eprintln!("usage: notes <url> <token-file> <name>");
        std::process::exit(2);
    };
    let token = std::fs::read_to_string(token_file)?;
    // These two lines are all that it takes.
    let options = Options::new(format!("{name}.notes.db"), url, token.trim()).client_id(name);
    let client = Client::open(options)?;

    let live = client.subscribe(Query::new("notes"))?;
    std::thread::spawn(move || watch(live));
    println!("{HELP}");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.splitn(3, ' ').map(str::trim);
        let words = [0; 3].map(|_| words.next().unwrap_or_default());
        if words[0] == "quit" {
            break;
        }
        if let Err(error) = carry_out(&client, words) {
            println!("! {error}");
        }
        client.notices().iter().for_each(tell);
    }
    Ok(())
}

fn carry_out(client: &Client, [command, id, rest]: [&str; 3]) -> Result<(), Box<dyn Error>> {
    match command {
        "add" => drop(client.edit("notes", id, |r| r.text("/text", rest))?),
        "type" => {
            let end = format!(" {rest}");
            client.edit("notes", id, |r| {
                let text = r.get("/text").and_then(|text| text.as_str().map(str::to_owned));
                r.text("/text", &(text.unwrap_or_default() + &end))
            })?;
        }
        "like" => drop(client.edit("notes", id, |r| r.increment("/likes", 1))?),
        "tag" => drop(client.edit("notes", id, |r| r.add("/tags", rest))?),
        "del" => drop(client.delete("notes", id)?),
        "list" => client.query(&Query::new("notes"))?.iter().for_each(show),
        "offline" => client.go_offline(),
        "online" => client.go_online(),
        "status" => println!("{:?}", client.status()),
        "sync" => client.wait_until_synced(Duration::from_secs(10))?,
        "" => {}
        _ => println!("{HELP}"),
    }
    Ok(())
}

/// Prints what changes, by whomever.
fn watch(live: Subscription) {
    for event in live {
        match event {
            Event::Refresh(records) => records.iter().for_each(show),
            Event::Delta { changed, removed } => {
                changed.iter().for_each(show);
                removed.iter().for_each(|id| println!("- {id}"));
            }
        }
    }
}

fn show(record: &Record) {
    let mark = if record.is_pending() { "…" } else { "=" };
    println!("{mark} {} {}", record.id(), record.to_json().to_compact_string());
}

fn tell(notice: &Notice) {
    match notice {
        Notice::Refused { id, refusal, .. } => {
            println!("! {id}: {} ({})", refusal.detail, refusal.code);
        }
        Notice::Conflict { id, .. } => println!("! {id}: in conflict"),
        Notice::Unauthorised => println!("! the hub does not accept the token"),
        other => println!("! {other:?}"),
    }
}
