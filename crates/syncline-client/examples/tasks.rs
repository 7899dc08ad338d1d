//! Tasks on a device, one command per line: what `cargo xtask demo` plays with.
//!
//! ```text
//! cargo run -p syncline-client --example tasks -- http://127.0.0.1:8787 .syncline/admin.token phone
//! ```
//!
//! Every command is answered by lines of its own, and then by `ok`, or by `!` and what went wrong.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead as _;
use std::time::Duration;

use syncline_client::{Client, Edit, Json, Options, Query, Record};
use syncline_model::json::parse;

const HELP: &str = "\
add <id> <title>           begins a task
set <id> <field> <value>   gives a field another value
log <id> <minutes>         adds minutes that were worked
del <id>                   deletes a task
show <id>, list            shows one, or all
list <file>                shows all of a file of tasks, equal ones in equal lines
offline, online            cuts the network off, and connects again
sync                       waits until everything is sent and fetched
quit";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, token_file, name] = arguments.as_slice() else {
        eprintln!("usage: tasks <url> <token-file> <name>");
        std::process::exit(2);
    };
    let token = std::fs::read_to_string(token_file)?;
    let options = Options::new(format!("{name}.tasks.db"), url, token.trim());
    let client = Client::open(options.client_id(name).entities(["tasks"]))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim() == "quit" {
            break;
        }
        match carry_out(&client, line.trim()) {
            Ok(()) => println!("ok"),
            Err(error) => println!("! {error}"),
        }
    }
    Ok(())
}

fn carry_out(client: &Client, line: &str) -> Result<(), Box<dyn Error>> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match command {
        "add" => {
            let task = |r: Edit| r.set("/title", rest).set("/list", "work").set("/status", "open");
            client.edit("tasks", id, task)?;
        }
        "set" => {
            let (field, value) = rest.split_once(' ').unwrap_or((rest, ""));
            client.edit("tasks", id, |r| r.set(&format!("/{field}"), value))?;
        }
        "log" => {
            let minutes: i64 = rest.parse()?;
            client.edit("tasks", id, |r| r.increment("/loggedMinutes", minutes))?;
        }
        "del" => drop(client.delete("tasks", id)?),
        "show" => client.get("tasks", id)?.iter().for_each(show),
        "list" if id.is_empty() => client.query(&Query::new("tasks"))?.iter().for_each(show),
        "list" => tasks_of(id)?.iter().for_each(|(id, task)| print(id, task)),
        "offline" => client.go_offline(),
        "online" => client.go_online(),
        "sync" => client.wait_until_synced(Duration::from_secs(10))?,
        "" => {}
        _ => println!("{HELP}"),
    }
    Ok(())
}

fn show(record: &Record) {
    print(record.id().as_str(), &record.to_json());
}

/// Prints equal tasks as equal lines.
fn print(id: &str, task: &Json) {
    println!("{id} {}", task.to_canonical_string());
}

/// Returns the tasks of a file by id, without it.
fn tasks_of(file: &str) -> Result<BTreeMap<String, Json>, Box<dyn Error>> {
    let document = parse(&std::fs::read(file)?)?;
    let Json::Object(mut document) = document else { return Err("not an object".into()) };
    let Some(Json::Array(tasks)) = document.remove("tasks") else { return Err("no tasks".into()) };
    let mut found = BTreeMap::new();
    for task in tasks {
        if let Json::Object(mut task) = task
            && let Some(Json::String(id)) = task.remove("id")
        {
            found.insert(id, Json::Object(task));
        }
    }
    Ok(found)
}
