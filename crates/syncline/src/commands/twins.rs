//! `syncline twins`: records under different ids that may be the same.

use syncline_engine::twins::Twins as Pair;
use syncline_model::json::{Json, Object};
use syncline_model::path::Path;

use crate::arguments::Twins;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{columns, count, field, printable};
use crate::run::{Context, prepare};

/// Most pairs that are printed, unless all are asked for with `-v`.
const PAIRS_SHOWN_MAX: usize = 50;

/// Runs the command; nothing is written.
///
/// # Errors
///
/// Any [`Failure`] of the hub.
pub fn run(context: &Context, twins: &Twins) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let prepared = prepare(context, &config, &twins.options)?;
    let found = context.look(&config.state, |hub| Ok(hub.twins(&prepared.request)?))?;
    let pairs =
        || found.iter().flat_map(|(entity, pairs)| pairs.iter().map(move |pair| (entity, pair)));
    let documents = pairs().map(|(entity, pair)| to_json(entity.as_str(), pair));
    let output = &context.output;
    output.json_list("twins/1", "twins", documents.collect());
    let (source, target) = (&prepared.link.source, &prepared.link.target);
    let heading = ["entity", source.as_str(), target.as_str(), "agree in", "differ in"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let shown_max = if output.verbose { usize::MAX } else { PAIRS_SHOWN_MAX };
    rows.extend(pairs().take(shown_max).map(|(entity, pair)| row(entity.as_str(), pair)));
    let total = pairs().count();
    if total == 0 {
        output.line("No two records look like one.");
        return Ok(Exit::Ok);
    }
    output.text(&columns(&rows));
    if total > shown_max {
        output.line(&format!("… and {} more (-v shows all)", total - shown_max));
    }
    let pairs = count(total as u64, "pair", "pairs");
    output.line(&format!("{pairs} may be one: give both records one id before they are synced."));
    Ok(Exit::Ok)
}

fn row(entity: &str, pair: &Pair) -> Vec<String> {
    let names = |paths: &[Path]| paths.iter().map(field).collect::<Vec<_>>().join(", ");
    let [source, target] = &pair.ids;
    let ids = [source, target].map(|id| printable(id.as_str()));
    let [source, target] = ids;
    vec![entity.to_owned(), source, target, names(&pair.agree), names(&pair.differ)]
}

fn to_json(entity: &str, pair: &Pair) -> Object {
    let paths =
        |paths: &[Path]| Json::Array(paths.iter().map(|path| Json::from(path.as_str())).collect());
    let [source, target] = &pair.ids;
    let mut document = Object::new();
    document.insert("entity", entity);
    document.insert("source", source.as_str());
    document.insert("target", target.as_str());
    document.insert("agree", paths(&pair.agree));
    document.insert("differ", paths(&pair.differ));
    document
}
