//! Writes data for a benchmark or a trial: both sides of a link, from a seed.

use std::io;
use std::path::PathBuf;

use clap::Parser;
use syncline_benches::records::{Entity, Plan, Side};

/// Writes `<dir>/<domain>/<entity>.json` for both sides; the same arguments give the same bytes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder to write into; made when missing.
    #[arg(long)]
    dir: PathBuf,
    /// Entities, separated by commas; all five of spec 001 by default.
    #[arg(long, value_delimiter = ',', value_parser = parse_entity)]
    entities: Vec<Entity>,
    /// Records per entity and side.
    #[arg(long, default_value_t = 10_000)]
    items: u64,
    /// Percentage of a side's records that the other side has too.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    shared: u64,
    /// Percentage of the shared records whose contents differ.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    differing: u64,
    /// What the contents depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn parse_entity(name: &str) -> Result<Entity, String> {
    Entity::ALL
        .into_iter()
        .find(|entity| entity.name() == name)
        .ok_or_else(|| "not an entity of spec 001".to_owned())
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let entities = match arguments.entities.as_slice() {
        [] => &Entity::ALL[..],
        named => named,
    };
    for entity in entities {
        let Arguments { items, shared, differing, seed, .. } = arguments;
        let plan = Plan::even(*entity, items, shared, differing, seed);
        plan.write_file(Side::Source, &arguments.dir, "personal")?;
        plan.write_file(Side::Target, &arguments.dir, "business")?;
    }
    Ok(())
}
