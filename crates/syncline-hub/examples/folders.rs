//! Synchronises two folders of a data set, for profiling: `folders DIR [ENTITY…]` in which `DIR`
//! holds `data/personal` and `data/business`.

use std::path::Path;
use std::time::Instant;

use syncline_engine::link::{Direction, LinkedDomain, LinkedEntity};
use syncline_hub::{Actor, FileDomain, FileEntity, Hub, HubOptions, Silent, SyncRequest};
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_model::path::Path as Pointer;
use syncline_policy::{Guard, Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("usage: folders DIR [ENTITY…]")?;
    let root = Path::new(&root);
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = ["contacts", "calendar", "tasks", "documents", "communications"]
            .map(str::to_owned)
            .into();
    }
    let began = Instant::now();
    let state_folder = root.join(".syncline");
    let mut hub = Hub::open(&HubOptions { state_folder, check_store: false })?;
    let opened = began.elapsed();
    let domain = |name: &str| -> Result<FileDomain, Box<dyn std::error::Error>> {
        Ok(FileDomain {
            domain: LinkedDomain::open(DomainName::new(name)?),
            folder: root.join("data").join(name),
            renames: Default::default(),
        })
    };
    let request = SyncRequest {
        source: domain("personal")?,
        target: domain("business")?,
        entities: names.iter().map(|name| entity(name)).collect::<Result<_, _>>()?,
        direction: Direction::Bidirectional,
        limits: Limits { items_per_entity: u64::MAX, bytes_per_run: 8 << 30, run_ms: u64::MAX },
        guard: Guard::default(),
        only: None,
        actor: Actor::default(),
        fail_on_conflict: false,
        expected_inputs: None,
    };
    let outcome = hub.sync(&request, &mut Silent)?;
    let synced = began.elapsed();
    hub.close()?;
    #[expect(clippy::print_stdout, reason = "an example speaks to a person")]
    {
        println!("{:?}", outcome.report.status);
        println!(
            "open {opened:?}, sync {:?}, close {:?}",
            synced - opened,
            began.elapsed() - synced
        );
    }
    Ok(())
}

/// Describes an entity whose conflicts the personal side wins.
fn entity(name: &str) -> Result<FileEntity, Box<dyn std::error::Error>> {
    Ok(FileEntity {
        entity: LinkedEntity {
            name: EntityName::new(name)?,
            rules: EntityRules {
                rule_default: Rule::Priority([Writer::new("personal")?].into()),
                ..EntityRules::default()
            },
            id_path: Pointer::parse("/id")?,
            time_path: Some(Pointer::parse("/lastModified")?),
        },
        file: format!("{name}.json"),
    })
}
