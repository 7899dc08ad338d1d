//! All types of some entities as one text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use syncline_model::json::Json;

use super::form::{Named, Numbers, read};
use super::name::{Names, of_entity};
use super::text::{property, string, write_comment};

/// What the package of the client exports and the text may need.
const IMPORTED: [&str; 3] = ["Decimal", "Json", "JsonObject"];
/// The map from entities to types.
const MAP: &str = "Entities";

/// An entity with its schema.
#[derive(Clone, Debug)]
pub struct Described {
    /// The entity.
    pub entity: String,
    /// Which version of its schema, if that is known.
    pub version: Option<u32>,
    /// The schema.
    pub schema: Json,
}

/// A text of TypeScript.
#[derive(Clone, Debug)]
pub struct Module {
    /// The text.
    pub text: String,
    /// The name of the type of each entity, in the order of `described`.
    pub names: Vec<String>,
}

/// Writes the types of entities, and the map from entities to types.
///
/// - `described`: sorted by entity, each of them once.
pub fn write_module(described: &[Described], numbers: Numbers) -> Module {
    let mut names = Names::without(&[&IMPORTED[..], &[MAP]].concat());
    // All records have their names before anything that one of them refers to.
    let records: Vec<String> =
        described.iter().map(|one| names.take(&of_entity(&one.entity))).collect();
    let (mut types, mut used) = (String::new(), BTreeSet::new());
    for (one, name) in described.iter().zip(&records) {
        let all = read(&one.schema, name.clone(), numbers, &mut names);
        for (index, mut named) in all.into_iter().enumerate() {
            if index == 0 {
                let version = one.version.map(|version| format!(", version {version}"));
                let version = version.unwrap_or_default();
                named.comment.push(format!("The schema of `{}`{version}.", one.entity));
                named.comment = vec![named.comment.join("\n\n")];
            }
            named.form.each_word(&mut |word| {
                used.extend(IMPORTED.into_iter().find(|imported| *imported == word));
            });
            write_type(&mut types, &named);
        }
    }
    let mut text =
        "// Written by `syncline types`: what is changed here is lost when it runs again.\n\n"
            .to_owned();
    if !used.is_empty() {
        let used: Vec<&str> = used.into_iter().collect();
        let _ =
            writeln!(text, "import type {{ {} }} from \"@syncline/client\";\n", used.join(", "));
    }
    text.push_str(&types);
    write_map(&mut text, described, &records);
    Module { text, names: records }
}

/// A type alias, not an interface: only that is a `JsonObject` to TypeScript.
fn write_type(out: &mut String, named: &Named) {
    write_comment(out, &named.comment, 0);
    let _ = write!(out, "export type {} = ", named.name);
    named.form.write(out, 0);
    out.push_str(";\n\n");
}

fn write_map(out: &mut String, described: &[Described], records: &[String]) {
    let example = described.first().map_or("tasks", |one| one.entity.as_str());
    let name = string(example);
    let about =
        format!("What the records of each entity hold: `client.get<{MAP}[{name}]>({name}, id)`.");
    write_comment(out, &[about], 0);
    let _ = writeln!(out, "export interface {MAP} {{");
    for (one, record) in described.iter().zip(records) {
        let _ = writeln!(out, "  readonly {}: {record};", property(&one.entity));
    }
    out.push_str("}\n");
}
