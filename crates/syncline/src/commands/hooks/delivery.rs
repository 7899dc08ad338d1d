//! `syncline hooks delivery`: what became of events at an endpoint.

use syncline_model::json::{Json, Object};

use super::{listed, named, told};
use crate::arguments::{DeliveryCommand, DeliveryNamed};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Format;
use crate::output::table::columns;
use crate::remote::Remote;
use crate::run::Context;

pub(super) fn run(context: &Context, command: &DeliveryCommand) -> Result<Exit, Failure> {
    match command {
        DeliveryCommand::List { named, before, state, from, to, limit } => {
            let (limit, before) = (limit.to_string(), before.map(|before| before.to_string()));
            let mut query = vec![("limit", limit.as_str())];
            let more = [("before", &before), ("state", state), ("from", from), ("to", to)];
            let given = more.iter().filter_map(|(name, said)| Some((*name, said.as_deref()?)));
            query.extend(given);
            let path = ["endpoints", &named.endpoint, "deliveries"];
            list(context, &Remote::new(&named.at)?.get(&path, &query)?)
        }
        DeliveryCommand::Retry(of) => {
            ask(of, |remote, path| remote.post_nothing(path), "retry")?;
            let mut document = Object::new();
            document.insert("schema", "delivery-done/1");
            document.insert("endpoint", of.named.endpoint.as_str());
            document.insert("sequence", of.sequence);
            document.insert("done", "tried again");
            context.output.json(document);
            context.output.line(&format!("{}/{} is tried again", of.named.endpoint, of.sequence));
            Ok(Exit::Ok)
        }
        DeliveryCommand::Data(of) => {
            let answer = ask(of, |remote, path| remote.get(path, &[]), "data")?;
            context.output.json(named("delivery-data/1", &answer));
            let data = answer.get("data").unwrap_or(&Json::Null);
            context.output.line(&data.to_pretty_string());
            Ok(Exit::Ok)
        }
    }
}

/// Asks for something of one delivery.
fn ask<E: Into<Failure>>(
    of: &DeliveryNamed,
    ask: impl FnOnce(&Remote, &[&str]) -> Result<Object, E>,
    what: &str,
) -> Result<Object, Failure> {
    let sequence = of.sequence.to_string();
    let path = ["endpoints", &of.named.endpoint, "deliveries", &sequence, what];
    ask(&Remote::new(&of.named.at)?, &path).map_err(Into::into)
}

fn list(context: &Context, answer: &Object) -> Result<Exit, Failure> {
    let output = &context.output;
    let deliveries = listed(answer, "deliveries");
    let damaged = answer.get("damaged").and_then(Json::as_array).unwrap_or_default();
    if !damaged.is_empty() {
        let places: Vec<String> = damaged.iter().map(Json::to_compact_string).collect();
        let places = places.join(", ");
        output.warn(&format!("what became of {places} cannot be read: the hub's store is damaged"));
    }
    if output.format == Format::JsonLines {
        output.json_list_of("deliveries/1", "deliveries", "delivery/1", deliveries);
        return Ok(Exit::Ok);
    }
    output.json(named("deliveries/1", answer));
    if deliveries.is_empty() && damaged.is_empty() {
        output.line("No deliveries there.");
    }
    let mut rows = Vec::new();
    for delivery in &deliveries {
        let of = |name| told(delivery, name);
        rows.push(vec![of("sequence"), of("state"), of("type"), of("resourceId"), of("event")]);
        for attempt in listed(delivery, "attempts") {
            let of = |name| told(&attempt, name);
            let answer = [of("status"), of("reason"), of("answer")];
            let answer: Vec<String> = answer.into_iter().filter(|one| !one.is_empty()).collect();
            rows.push(vec![
                String::new(),
                of("at"),
                format!("{} ms", of("durationMs")),
                answer.join(" "),
            ]);
        }
    }
    output.text(&columns(&rows));
    if let Some(next) = answer.get("next").and_then(Json::as_str) {
        output.note(&format!("more: --before {next}"));
    }
    Ok(Exit::Ok)
}
