//! Plans as files: what would be done, what was asked for, and what it was made of.

use std::fs;
use std::path::Path;

use clap::Parser;
use syncline_engine::link::Side;
use syncline_hub::{Action, ActionKind, FoundConflict, SyncOutcome};
use syncline_model::id::Writer;
use syncline_model::json::{Json, Leaf, Object, parse};

use crate::arguments::value::Only;
use crate::arguments::{Arguments, Command, SyncOptions};
use crate::failure::Refusal;

/// The name and version of the form.
pub const PLAN_SCHEMA: &str = "plan/1";

/// The name and version of the form that holds the plans of several links.
pub const PLANS_SCHEMA: &str = "plans/1";

/// A plan of one link that was read from a file.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// What was asked for.
    pub options: SyncOptions,
    /// What it was made of.
    pub inputs: String,
    /// What would be done.
    pub actions: Json,
}

/// Returns a plan as a JSON document: what would be done, with the values that people look at.
pub fn to_json(outcome: &SyncOutcome, options: &SyncOptions) -> Object {
    let mut plan = Object::new();
    plan.insert("schema", PLAN_SCHEMA);
    plan.insert("inputs", outcome.inputs.as_str());
    let words = arguments(options).into_iter().map(|word| Json::from(word.as_str()));
    plan.insert("arguments", Json::Array(words.collect()));
    plan.insert("sourceDomain", outcome.report.source.as_str());
    plan.insert("targetDomain", outcome.report.target.as_str());
    let results = outcome.report.to_json().remove("results").unwrap_or(Json::Null);
    plan.insert("results", results);
    plan.insert("actions", actions(outcome));
    let conflicts = outcome.conflicts.iter().map(|found| Json::Object(conflict(found)));
    plan.insert("conflicts", Json::Array(conflicts.collect()));
    plan
}

/// Returns the plans of all links as one document: the plan itself of a single one.
pub fn of_links(mut plans: Vec<Object>) -> Object {
    if plans.len() == 1 {
        return plans.remove(0);
    }
    let mut list = Object::new();
    list.insert("schema", PLANS_SCHEMA);
    list.insert("plans", Json::Array(plans.into_iter().map(Json::Object).collect()));
    list
}

/// Returns all actions of a plan.
pub fn actions(outcome: &SyncOutcome) -> Json {
    let one = |action: &Action| {
        let domain = match action.side {
            Side::Source => &outcome.report.source,
            Side::Target => &outcome.report.target,
        };
        let mut object = Object::new();
        object.insert("entity", action.entity.as_str());
        object.insert("id", action.id.as_str());
        object.insert("domain", domain.as_str());
        object.insert(
            "action",
            match action.kind {
                ActionKind::Add => "add",
                ActionKind::Update => "update",
                ActionKind::Delete => "delete",
            },
        );
        if let Some(former) = &action.former {
            object.insert("formerId", former.as_str());
        }
        let fields = action.fields.iter().map(|change| {
            let mut field = Object::new();
            field.insert("path", change.path.as_str());
            insert_leaf(&mut field, "from", change.from.as_ref());
            insert_leaf(&mut field, "to", change.to.as_ref());
            Json::Object(field)
        });
        object.insert("fields", Json::Array(fields.collect()));
        Json::Object(object)
    };
    Json::Array(outcome.actions.iter().map(one).collect())
}

fn conflict(found: &FoundConflict) -> Object {
    let mut object = Object::new();
    object.insert("entity", found.entity.as_str());
    object.insert("id", found.id.as_str());
    object.insert("path", found.path.as_str());
    object.insert("open", Json::Bool(found.open));
    insert_leaf(&mut object, "base", found.base.as_ref());
    let sides = found.sides.iter().map(|(writer, value)| {
        let mut side = Object::new();
        if let Some(writer) = writer {
            side.insert("writer", Writer::as_str(writer));
        }
        insert_leaf(&mut side, "value", value.as_ref());
        Json::Object(side)
    });
    object.insert("sides", Json::Array(sides.collect()));
    insert_leaf(&mut object, "shown", found.shown.as_ref());
    object
}

/// Adds a value; nothing at all is no member, as `null` is a value.
fn insert_leaf(object: &mut Object, name: &str, leaf: Option<&Leaf>) {
    if let Some(leaf) = leaf {
        object.insert(name, leaf.to_json());
    }
}

/// Reads a saved plan: one for each of its links, in order.
///
/// # Errors
///
/// [`Refusal::File`] if it cannot be read, [`Refusal::PlanInvalid`] if it is no plan.
pub fn read(path: &Path) -> Result<Vec<SavedPlan>, Refusal> {
    let bytes = fs::read(path).map_err(|source| Refusal::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let invalid =
        |reason: &str| Refusal::PlanInvalid { path: path.to_owned(), reason: reason.to_owned() };
    let Ok(Json::Object(mut plan)) = parse(&bytes) else {
        return Err(invalid("it is not JSON"));
    };
    let plans = match plan.get("schema").and_then(Json::as_str) {
        Some(PLAN_SCHEMA) => vec![Json::Object(plan)],
        Some(PLANS_SCHEMA) => match plan.remove("plans") {
            Some(Json::Array(plans)) if !plans.is_empty() => plans,
            _ => return Err(invalid("`plans` is missing")),
        },
        _ => return Err(invalid("its `schema` is neither plan/1 nor plans/1")),
    };
    plans.into_iter().map(|plan| read_one(plan).map_err(invalid)).collect()
}

/// Reads the plan of one link, or says what is wrong with it.
fn read_one(plan: Json) -> Result<SavedPlan, &'static str> {
    let Json::Object(mut plan) = plan else {
        return Err("a plan of a link is no object");
    };
    let inputs = plan.get("inputs").and_then(Json::as_str).map(str::to_owned);
    let inputs = inputs.ok_or("`inputs` is missing")?;
    let words = plan.get("arguments").and_then(Json::as_array);
    let words = words.ok_or("`arguments` is missing")?;
    let words = ["syncline", "sync"].into_iter().chain(words.iter().filter_map(Json::as_str));
    let options = match Arguments::try_parse_from(words).map(|arguments| arguments.command) {
        Ok(Command::Sync(sync)) => sync.options,
        _ => return Err("`arguments` are not understood"),
    };
    let actions = plan.remove("actions").ok_or("`actions` is missing")?;
    Ok(SavedPlan { options, inputs, actions })
}

/// Returns the arguments of `syncline sync` that ask for the same.
pub fn arguments(options: &SyncOptions) -> Vec<String> {
    let SyncOptions {
        source,
        target,
        link,
        entities,
        direction,
        mode,
        ids,
        only,
        since,
        max_delete,
        max_change,
        allow_emptied,
        max_items,
        max_bytes,
        on_conflict,
        require_clean,
        match_twins,
    } = options;
    let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        value().map(|value| value.get_name().to_owned())
    };
    let entities = (!entities.is_empty()).then(|| entities.join(","));
    let threshold = |threshold: &syncline_policy::Threshold| match threshold.percent {
        0 => threshold.count.to_string(),
        percent => format!("{percent}%"),
    };
    let named = [
        ("--source", source.clone()),
        ("--target", target.clone()),
        ("--link", (!link.is_empty()).then(|| link.join(","))),
        ("--entities", entities),
        ("--direction", word(&|| clap::ValueEnum::to_possible_value(direction.as_ref()?))),
        ("--mode", word(&|| clap::ValueEnum::to_possible_value(mode.as_ref()?))),
        ("--since", since.as_ref().map(|since| since.text.clone())),
        ("--max-delete", max_delete.as_ref().map(threshold)),
        ("--max-change", max_change.as_ref().map(threshold)),
        ("--max-items", max_items.map(|count| count.to_string())),
        ("--max-bytes", max_bytes.map(|bytes| bytes.to_string())),
        ("--on-conflict", word(&|| clap::ValueEnum::to_possible_value(on_conflict.as_ref()?))),
    ];
    let mut words = Vec::new();
    for (name, value) in named {
        words.extend(value.map(|value| [name.to_owned(), value]).into_iter().flatten());
    }
    words.extend(ids.iter().flat_map(|id| ["--id".to_owned(), id.to_string()]));
    words.extend(only.iter().flat_map(|only| ["--only".to_owned(), Only::to_text(only)]));
    let flags = [
        ("--allow-emptied", allow_emptied),
        ("--require-clean", require_clean),
        ("--match", match_twins),
    ];
    words.extend(flags.into_iter().filter(|(_, set)| **set).map(|(name, _)| name.to_owned()));
    words
}

/// Returns the command that does what a dry run has shown, or with the word `plan` shows it again.
pub fn command_line(command: &str, options: &SyncOptions) -> String {
    let quoted = arguments(options).into_iter().map(|word| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,%:=".contains(c);
        match word.chars().all(is_plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    });
    ["syncline".to_owned(), command.to_owned()]
        .into_iter()
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_plan_ask_for_the_same_again() {
        let texts = [
            "--source a --target b --entities contacts,tasks --direction source_to_target",
            "--link work --mode mirror --max-delete 99 --max-change 50% --allow-emptied",
            "--since 2026-01-12T10:00:00Z",
            "--id c1 --id contacts:c2 --only c1 --only contacts:/category=work --max-items 5 --max-bytes 1000 --on-conflict ask --require-clean --match",
        ];
        for text in texts {
            let words = ["syncline", "sync"].into_iter().chain(text.split(' '));
            let Command::Sync(sync) = Arguments::try_parse_from(words).unwrap().command else {
                panic!("case: {text}")
            };
            let mut expected: Vec<&str> = text.split(' ').collect();
            let mut found = arguments(&sync.options);
            expected.sort_unstable();
            found.sort();
            assert_eq!(found, expected, "case: {text}");
        }
    }
}
