//! `syncline report`: what a hub that is served did in a day or a week, in numbers.

use syncline_model::json::{Json, Object};
use syncline_server::{Period, report_rows};

use crate::arguments::Report;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::printable;
use crate::remote::Remote;
use crate::run::Context;

/// Runs the command.
///
/// # Errors
///
/// Any [`Failure`]; what a hub refuses has the hub's own code.
pub fn run(context: &Context, asked: &Report) -> Result<Exit, Failure> {
    let remote = Remote::new(&asked.at)?;
    let period = if asked.weekly { Period::Week } else { Period::Day };
    let answer = remote.get(&["report"], &[("period", period.as_str())])?;
    let output = &context.output;
    let mut document = Object::new();
    document.insert("schema", "hub-report/1");
    answer.iter().for_each(|(name, value)| drop(document.insert(name, value.clone())));
    output.json(document);
    let told = |name: &str| match answer.get(name) {
        Some(Json::String(text)) => printable(text),
        Some(other) => printable(&other.to_compact_string()),
        None => String::new(),
    };
    let (hub, from, to) = (told("hub"), told("from"), told("to"));
    let known = told("hoursKnown");
    let head = format!("The {} of hub {hub}: {from} to {to}", period.as_str());
    let foot = format!("The hub was there in {known} of these hours, the present one included.");
    let rows = report_rows(&answer);
    if asked.markdown {
        output.line(&format!("# {head}\n"));
        output.line("| | |\n|---|---|");
        rows.iter()
            .for_each(|(name, value)| output.line(&format!("| {} | {value} |", name.trim())));
        output.line(&format!("\n{foot}"));
        return Ok(Exit::Ok);
    }
    output.line(&head);
    rows.iter().for_each(|(name, value)| output.line(&format!("  {name:<18}  {value}")));
    output.line(&foot);
    Ok(Exit::Ok)
}
