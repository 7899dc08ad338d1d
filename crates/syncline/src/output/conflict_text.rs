//! Conflicts, for people: what each side says, what is shown, and why.

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::LinkedEntity;
use syncline_hub::FoundConflict;
use syncline_merge::rules::{Approver, Deletion, EntityRules, Rule, Shape};
use syncline_model::id::Writer;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::console::{Output, Paint};
use super::table::{field, printable, value, value_in_full};

/// Digits of a conflict's id that are shown; enough to tell thousands apart.
const ID_DIGITS_SHOWN: usize = 10;

/// Returns the beginning of a conflict's id, which names it just as well.
pub fn short_id(id: &str) -> &str {
    id.get(..ID_DIGITS_SHOWN).unwrap_or(id)
}

/// Returns the lines about a conflict that a run has found.
pub(super) fn found(
    output: &Output,
    found: &FoundConflict,
    rules: Option<&LinkedEntity>,
) -> Vec<String> {
    let (id, path) = (printable(found.id.as_str()), field(&found.path));
    let sides = || found.sides.iter().map(|(writer, leaf)| (writer.as_ref(), leaf.as_ref()));
    if found.open {
        let word = output.paint(Paint::Yellow, "conflict");
        let name_of = |conflict| format!("   [{}]", short_id(conflict));
        let conflict = found.conflict.as_deref().map(name_of).unwrap_or_default();
        let approval = rules.and_then(|rules| Approval::of(&rules.rules, &found.path));
        let waits = match &approval {
            Some(approval) => approval.waits(),
            None => "waits for your decision".to_owned(),
        };
        let mut line = format!("    {word} {id}: {path}   {waits}{conflict}\n");
        let mut said = vec![format!("base {}", value(found.base.as_ref()))];
        said.extend(
            sides()
                .map(|(writer, leaf)| format!("{} {}", name(writer), said_by(&found.path, leaf))),
        );
        said.extend(approval.map(|approval| approval.shows(found.shown.as_ref())));
        line.push_str(&format!("      {}", said.join(" | ")));
        return line.lines().map(str::to_owned).collect();
    }
    let because = rules.map_or("a rule decides", |rules| reason(rules, &found.path));
    let word = output.paint(Paint::Dim, "settled");
    let mut line = format!("    {word} conflict {id}: {path}   {because}");
    if !found.path.is_root() {
        line.push_str(&format!(": {} is shown", value(found.shown.as_ref())));
    }
    let others: Vec<String> = sides()
        .filter(|(_, leaf)| *leaf != found.shown.as_ref())
        .map(|(writer, leaf)| format!("{} ({})", said_by(&found.path, leaf), name(writer)))
        .collect();
    if !others.is_empty() && !found.path.is_root() {
        line.push_str(&format!(", kept aside: {}", others.join(", ")));
    }
    vec![line]
}

fn name(writer: Option<&Writer>) -> &str {
    writer.map_or("somebody", Writer::as_str)
}

fn said_by(path: &Path, leaf: Option<&Leaf>) -> String {
    match (path.is_root(), leaf) {
        (true, None) => "deleted".to_owned(),
        _ => value(leaf),
    }
}

/// Returns why a field shows what it shows.
fn reason(entity: &LinkedEntity, path: &Path) -> &'static str {
    if path.is_root() {
        return match entity.rules.deletion {
            Deletion::EditWins => "deleted on one side, edited on the other: the edit wins",
            Deletion::DeleteWins => "deleted on one side, edited on the other: the deletion wins",
            Deletion::Review => "deleted on one side, edited on the other",
        };
    }
    match entity.rules.shape(path) {
        Shape::Register => choice(entity.rules.rule(path)),
        // Texts that began apart, or a value of another kind beside the field's own.
        _ => "what was written last, since the two cannot be put together",
    }
}

/// Returns what a rule chooses.
fn choice(rule: &Rule) -> &'static str {
    match rule {
        Rule::Latest => "the value edited last",
        Rule::Max => "the greatest value",
        Rule::Min => "the least value",
        Rule::Priority(_) | Rule::Ranked { .. } => "the preferred side",
        Rule::Concat { .. } => "both in one text",
        Rule::Custom(_) => "the configured rule decides",
        Rule::Review => "a person decides",
        Rule::Approval { provisional, .. } => choice(provisional),
    }
}

/// What is shown of a conflict that must be approved, and by whom.
pub struct Approval<'a> {
    rule: &'a Rule,
    approvers: &'a [Approver],
}

impl<'a> Approval<'a> {
    /// Returns whether a field must be approved, and how.
    pub fn of(rules: &'a EntityRules, path: &Path) -> Option<Self> {
        let rule = rules.rule(path);
        rule.approvers().map(|approvers| Self { rule, approvers })
    }

    /// Returns the users and roles who may approve.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.approvers.iter().map(Approver::name)
    }

    fn waits(&self) -> String {
        let names: Vec<String> = self.names().map(printable).collect();
        format!("waits for approval by {}", names.join(", "))
    }

    fn shows(&self, shown: Option<&Leaf>) -> String {
        format!("provisionally {}, {}", value(shown), choice(self.rule))
    }

    /// Returns what is shown of a listed conflict that is open.
    fn shows_in(&self, row: &ConflictRow) -> String {
        let sides = &row.conflict.sides;
        let side = sides.iter().find(|side| row.conflict.shown == Some(side.stamp));
        self.shows(side.and_then(|side| side.value.as_ref()))
    }
}

/// Returns one row of the list of conflicts.
///
/// - `rules`: those of the entity, where they are known.
pub fn row(row: &ConflictRow, rules: Option<&EntityRules>) -> Vec<String> {
    let sides = row.conflict.sides.iter().map(|side| {
        format!(
            "{} {}",
            name(side.writer.as_ref()),
            said_by(&row.conflict.path, side.value.as_ref())
        )
    });
    let mut said = sides.collect::<Vec<_>>().join(" | ");
    if row.conflict.sides.is_empty() {
        said = "deleted on one side, edited on the other".to_owned();
    }
    if let Some(approval) = waiting(row, rules) {
        said.push_str(&format!("   {}; {}", approval.shows_in(row), approval.waits()));
    }
    vec![
        short_id(&row.conflict_id()).to_owned(),
        row.status.as_str().to_owned(),
        row.entity.to_string(),
        printable(row.id.as_str()),
        field(&row.conflict.path),
        said,
    ]
}

/// Returns who must approve a conflict that is open.
pub fn waiting<'a>(row: &ConflictRow, rules: Option<&'a EntityRules>) -> Option<Approval<'a>> {
    let rules = rules.filter(|_| row.status == Status::Open && !row.conflict.path.is_root());
    rules.and_then(|rules| Approval::of(rules, &row.conflict.path))
}

/// Returns everything that is known of a conflict.
pub fn page(output: &Output, row: &ConflictRow, rules: Option<&EntityRules>) -> String {
    let mut lines = vec![
        format!("conflict  {}", row.conflict_id()),
        format!("status    {}", status_word(output, row.status)),
        format!("record    {} {}", row.entity, printable(row.id.as_str())),
        format!("field     {}", field(&row.conflict.path)),
    ];
    if let Some(run) = &row.found {
        lines.push(format!("found by  {run}"));
    }
    lines.push(format!("base      {}", value_in_full(row.base.as_ref())));
    for side in &row.conflict.sides {
        let is_shown = row.status != Status::Open && row.conflict.shown == Some(side.stamp);
        let shown = if is_shown { "   <- shown" } else { "" };
        let said = match (row.conflict.path.is_root(), &side.value) {
            (true, None) => "deleted".to_owned(),
            (_, said) => value_in_full(said.as_ref()),
        };
        lines.push(format!("{:9} {said}{shown}", name(side.writer.as_ref())));
    }
    if let Some(approval) = waiting(row, rules) {
        lines.push(format!("shown     {}", approval.shows_in(row)));
        lines.push(format!("now       {}", approval.waits()));
    }
    if let Some(decision) = &row.decision {
        lines.push(format!("decided   by {}", decision.by));
    }
    if row.status == Status::Open {
        let id = row.conflict_id();
        let id = short_id(&id);
        lines.push(String::new());
        match row.conflict.path.is_root() {
            true => lines.push(format!("Decide: syncline conflicts resolve {id} --keep   or --delete")),
            false => lines.push(format!(
                "Decide: syncline conflicts resolve {id} --take <domain>   or --take both, --value <json>"
            )),
        }
    }
    lines.join("\n") + "\n"
}

fn status_word(output: &Output, status: Status) -> String {
    match status {
        Status::Open => output.paint(Paint::Yellow, status.as_str()),
        _ => status.as_str().to_owned(),
    }
}
