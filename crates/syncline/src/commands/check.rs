//! `syncline check`: what is invalid, unsafe, slow or forgotten in the configuration.

use std::collections::BTreeSet;

use syncline_hub::{Hub, Moved};
use syncline_model::id::DomainName;
use syncline_model::json::{Json, Object};

use crate::config::Config;
use crate::config::check::{Finding, Severity, check};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::output::table::count;
use crate::run::Context;

/// Runs the command: exit 3 if a finding is an error.
///
/// # Errors
///
/// [`Failure::Config`] if the configuration cannot be understood at all.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let loaded = context.load()?;
    let findings = check(&loaded, &moved(context, &loaded.config));
    let output = &context.output;
    let items = findings.iter().map(to_json).collect();
    output.json_list_of("check/1", "findings", "finding/1", items);
    for finding in &findings {
        let text = finding.to_string();
        let word = finding.severity.as_str();
        let paint = match finding.severity {
            Severity::Hint => Paint::Dim,
            Severity::Warning => Paint::Yellow,
            Severity::Error => Paint::Red,
        };
        let rest = text.strip_prefix(word).unwrap_or(&text);
        output.line(&format!("{}{rest}", output.paint(paint, word)));
        output.line(&format!("  why:  {}\n  next: {}", finding.why, finding.mend));
    }
    let of =
        |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let read = match loaded.read.as_slice() {
        [] => "the defaults".to_owned(),
        files => {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            names.join(", ")
        }
    };
    output.line(&format!(
        "Checked {read}: {}, {}, {}.",
        count(errors, "error", "errors"),
        count(warnings, "warning", "warnings"),
        count(of(Severity::Hint), "hint", "hints"),
    ));
    Ok(if errors > 0 { Exit::Config } else { Exit::Ok })
}

/// Returns the domains that are somewhere else than when they were last synchronised; none where
/// nothing can be looked up, since another command says why.
fn moved(context: &Context, config: &Config) -> Vec<(DomainName, Moved)> {
    if !Hub::exists(&config.state) {
        return Vec::new();
    }
    let Ok(hub) = context.open_hub(&config.state, false) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for domain in &config.domains {
        let links = config.links.iter();
        let links = links.filter(|link| [&link.source, &link.target].contains(&&domain.name));
        let linked: BTreeSet<_> = links.flat_map(|link| &link.entities).collect();
        for entity in config.entities.iter().filter(|entity| linked.contains(&entity.name)) {
            let moved = hub.moved(&domain.name, &domain.path, &entity.name, &entity.file);
            found.extend(moved.ok().flatten().map(|moved| (domain.name.clone(), moved)));
        }
    }
    found.into_iter().collect()
}

fn to_json(finding: &Finding) -> Object {
    let mut object = Object::new();
    object.insert("code", finding.code());
    object.insert("severity", finding.severity.as_str());
    object.insert("at", finding.at.as_str());
    if let Some(position) = finding.position {
        object.insert("line", Json::Number((position.line as u64).into()));
        object.insert("column", Json::Number((position.column as u64).into()));
    }
    object.insert("what", finding.what.as_str());
    object.insert("why", finding.why);
    object.insert("mend", finding.mend.as_str());
    object
}
