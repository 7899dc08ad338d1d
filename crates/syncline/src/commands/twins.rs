//! `syncline twins`: records under different ids that may be the same.

use syncline_engine::twins::Twins as Pair;
use syncline_model::json::{Json, Object};
use syncline_model::path::Path;

use super::sync::link_heading;
use crate::arguments::Twins;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{columns, count, field, printable};
use crate::run::{Context, Prepared, each_link, prepare};

/// Most pairs that are printed, unless all are asked for with `-v`.
const PAIRS_SHOWN_MAX: usize = 50;

/// Runs the command, one link after the other; nothing is written.
///
/// # Errors
///
/// Any [`Failure`] of the hub.
pub fn run(context: &Context, twins: &Twins) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let each = each_link(&config, &twins.options);
    let mut documents = Vec::new();
    for options in &each {
        link_heading(context, options, each.len());
        let prepared = prepare(context, &config, options)?;
        let found = context.look(&config.state, |hub| Ok(hub.twins(&prepared.request)?))?;
        let pairs = found
            .iter()
            .flat_map(|(entity, pairs)| pairs.iter().map(move |pair| (entity.as_str(), pair)));
        let pairs: Vec<(&str, &Pair)> = pairs.collect();
        print(context, &prepared, &pairs);
        documents.extend(pairs.into_iter().map(|(entity, pair)| to_json(&prepared, entity, pair)));
    }
    context.output.json_list_of("twins/1", "twins", "pair/1", documents);
    Ok(Exit::Ok)
}

/// Prints the pairs of one link.
fn print(context: &Context, prepared: &Prepared, pairs: &[(&str, &Pair)]) {
    let output = &context.output;
    if pairs.is_empty() {
        return output.line("No two records look like one.");
    }
    let (source, target) = (&prepared.link.source, &prepared.link.target);
    let heading = ["entity", source.as_str(), target.as_str(), "agree in", "differ in"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let shown_max = if output.verbose { usize::MAX } else { PAIRS_SHOWN_MAX };
    rows.extend(pairs.iter().take(shown_max).map(|(entity, pair)| row(entity, pair)));
    output.text(&columns(&rows));
    let total = pairs.len();
    if total > shown_max {
        output.line(&format!("… and {} more (-v shows all)", total - shown_max));
    }
    let pairs = count(total as u64, "pair", "pairs");
    output.line(&format!("{pairs} may be one: at a first sync --match unites those without doubt; or give both one id"));
}

fn row(entity: &str, pair: &Pair) -> Vec<String> {
    let names = |paths: &[Path]| paths.iter().map(field).collect::<Vec<_>>().join(", ");
    let [source, target] = &pair.ids;
    let ids = [source, target].map(|id| printable(id.as_str()));
    let [source, target] = ids;
    vec![entity.to_owned(), source, target, names(&pair.agree), names(&pair.differ)]
}

fn to_json(prepared: &Prepared, entity: &str, pair: &Pair) -> Object {
    let paths =
        |paths: &[Path]| Json::Array(paths.iter().map(|path| Json::from(path.as_str())).collect());
    let [source, target] = &pair.ids;
    let mut document = Object::new();
    document.insert("sourceDomain", prepared.link.source.as_str());
    document.insert("targetDomain", prepared.link.target.as_str());
    document.insert("entity", entity);
    document.insert("source", source.as_str());
    document.insert("target", target.as_str());
    document.insert("agree", paths(&pair.agree));
    document.insert("differ", paths(&pair.differ));
    document
}
