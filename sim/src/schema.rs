//! The entities that every site of a simulated world knows, and their rules.

use syncline_merge::rules::{Deletion, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::EntityName;
use syncline_model::path::{Path, Pattern};

use crate::random::Random;

/// The entities and their rules.
#[derive(Debug)]
pub struct Schema {
    /// Written by clients only: what is known of it is compared with an exact model.
    pub tasks: EntityName,
    /// Written by clients and held by two folders of files.
    pub contacts: EntityName,
    /// Written by clients of served hubs, of whom not all may see all of it.
    pub notes: EntityName,
    task_rules: EntityRules,
    contact_rules: EntityRules,
    note_rules: EntityRules,
}

/// Fields of a task that rules name, and some that none does.
pub mod field {
    /// A register shown by `latest`.
    pub const TITLE: &str = "/title";
    /// A register shown by `max`.
    pub const PRICE: &str = "/price";
    /// A register that a person decides.
    pub const STAGE: &str = "/stage";
    /// A sum.
    pub const VIEWS: &str = "/views";
    /// A union.
    pub const TAGS: &str = "/tags";
    /// A text.
    pub const BODY: &str = "/body";
    /// An append list, longer than any world makes it.
    pub const LINES: &str = "/lines";
    /// A field of a newer version of the schema.
    pub const UNKNOWN: &str = "/x/later";
}

impl Schema {
    /// Draws a schema: the rule about deletions differs from seed to seed.
    pub fn draw(random: &mut Random) -> Self {
        let deletions = [Deletion::EditWins, Deletion::DeleteWins, Deletion::Review];
        let deletion = random.pick(&deletions).copied().unwrap_or_default();
        let name = |text| EntityName::new(text).expect("invariant: a word is a name");
        Self {
            tasks: name("tasks"),
            contacts: name("contacts"),
            notes: name("notes"),
            task_rules: EntityRules { fields: task_fields(), deletion, ..EntityRules::default() },
            contact_rules: EntityRules::default(),
            note_rules: EntityRules { fields: note_fields(), ..EntityRules::default() },
        }
    }

    /// Returns the entities of worlds of hubs, clients and folders, sorted.
    pub fn all(&self) -> Vec<EntityName> {
        vec![self.contacts.clone(), self.tasks.clone()]
    }

    /// Returns the rules of an entity.
    pub fn rules(&self, entity: &EntityName) -> &EntityRules {
        match entity {
            entity if *entity == self.tasks => &self.task_rules,
            entity if *entity == self.notes => &self.note_rules,
            _ => &self.contact_rules,
        }
    }

    /// Returns whether the schema names a field, of any entity.
    pub fn names(&self, path: &Path) -> bool {
        !path.as_str().starts_with("/x")
    }
}

fn entry(path: &str, shape: Shape, rule: Rule) -> FieldRules {
    let pattern = Pattern::parse(path).expect("invariant: a pointer is a pattern");
    FieldRules { pattern, shape, rule }
}

/// No clock decides whose note it is, and nobody waits for a person to say so.
fn note_fields() -> Vec<FieldRules> {
    let by_value = ["/team", "/state", "/place", "/budget"];
    let by_value = by_value.map(|path| entry(path, Shape::Register, Rule::Max));
    let mut fields = vec![
        entry(field::VIEWS, Shape::Sum { minimum: None }, Rule::Latest),
        entry(field::TAGS, Shape::Union, Rule::Latest),
    ];
    fields.extend(by_value);
    fields
}

fn task_fields() -> Vec<FieldRules> {
    vec![
        entry(field::PRICE, Shape::Register, Rule::Max),
        entry(field::STAGE, Shape::Register, Rule::Review),
        entry(field::VIEWS, Shape::Sum { minimum: None }, Rule::Latest),
        entry(field::TAGS, Shape::Union, Rule::Latest),
        entry(field::BODY, Shape::Text, Rule::Latest),
        entry(field::LINES, Shape::Append { keep: 10_000 }, Rule::Latest),
    ]
}

/// Returns a path that is written in the program.
pub fn path(text: &str) -> Path {
    Path::parse(text).expect("invariant: a pointer is a path")
}
