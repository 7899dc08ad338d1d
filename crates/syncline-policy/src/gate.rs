//! What may cross between one domain and the hub: field by field, and record by record.

use syncline_model::id::EntityName;
use syncline_model::json::{Kind, Leaf};
use syncline_model::path::{Path, Pattern};
use thiserror::Error;

use crate::condition::Condition;
use crate::limits::MASK_BYTES_MAX;

/// What a domain shows in place of a masked value, unless its policy names another text.
pub const MASK: &str = "***";

/// What a policy does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The field crosses in both directions.
    Allow,
    /// The field never crosses, in either direction.
    Deny,
    /// The domain sees a fixed text in place of the value; its edits of the field are not taken.
    Mask,
    /// The field leaves the domain and is never written into it.
    OutOnly,
    /// The field is written into the domain; its edits of the field are not taken.
    InOnly,
}

/// What a policy does with a field that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// It crosses.
    #[default]
    Allow,
    /// It does not: only fields that a rule allows cross.
    Deny,
}

/// The direction in which a value would cross the gate of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the domain into the hub.
    FromDomain,
    /// From the hub into the domain.
    ToDomain,
}

/// What happens to a value at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing<'a> {
    /// It crosses as it is.
    Pass,
    /// It does not cross. The path is then *withheld*, not absent: it must never look like a removal.
    Withhold,
    /// This text crosses in its place. The path is withheld from merge all the same.
    Mask(&'a str),
}

impl Crossing<'_> {
    /// Returns the stricter one of two.
    fn or_stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Withhold, _) | (_, Self::Withhold) => Self::Withhold,
            (Self::Mask(text), _) | (_, Self::Mask(text)) => Self::Mask(text),
            (Self::Pass, Self::Pass) => Self::Pass,
        }
    }
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The entity that it is for; `None` is every entity.
    pub entity: Option<EntityName>,
    /// The fields that it is for, each with everything inside of it.
    pub pattern: Pattern,
    /// What happens to them.
    pub action: Action,
}

/// A rule that keeps whole records from crossing, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRule {
    /// The entity that it is for; `None` is every entity.
    pub entity: Option<EntityName>,
    /// A record that meets this never crosses.
    pub condition: Condition,
}

/// What may cross between one domain and the hub.
///
/// Of the rules for a field the first one wins, in the order in which they were added. A rule for a
/// field holds for everything inside of it: `/address` covers `/address/city`.
///
/// # Example
///
/// ```
/// use syncline_model::id::EntityName;
/// use syncline_model::path::{Path, Pattern};
/// use syncline_policy::{Action, Crossing, Direction, DomainPolicy, Fallback, Rule};
///
/// let contacts = EntityName::new("contacts")?;
/// let mut policy = DomainPolicy::new(Fallback::Allow);
/// policy.add_rule(Rule {
///     entity: Some(contacts.clone()),
///     pattern: Pattern::parse("/notes")?,
///     action: Action::Deny,
/// });
/// let gate = policy.gate(&contacts);
/// assert_eq!(gate.judge(&Path::parse("/notes")?, Direction::ToDomain), Crossing::Withhold);
/// assert_eq!(gate.judge(&Path::parse("/name")?, Direction::ToDomain), Crossing::Pass);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainPolicy {
    fallback: Fallback,
    mask: String,
    rules: Vec<Rule>,
    records: Vec<RecordRule>,
    required: Vec<(Option<EntityName>, Condition)>,
}

impl Default for DomainPolicy {
    fn default() -> Self {
        Self::new(Fallback::Allow)
    }
}

impl DomainPolicy {
    /// Returns a policy without rules.
    pub fn new(fallback: Fallback) -> Self {
        Self {
            fallback,
            mask: MASK.to_owned(),
            rules: Vec::new(),
            records: Vec::new(),
            required: Vec::new(),
        }
    }

    /// Sets the text that stands for a masked value.
    ///
    /// # Errors
    ///
    /// [`MaskError`] if the text is empty, too long or holds control characters.
    pub fn with_mask(self, mask: &str) -> Result<Self, MaskError> {
        if mask.is_empty() || mask.len() > MASK_BYTES_MAX || mask.chars().any(char::is_control) {
            return Err(MaskError { bytes: mask.len() });
        }
        Ok(Self { mask: mask.to_owned(), ..self })
    }

    /// Adds a rule behind all others.
    pub fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Adds a rule that keeps whole records from crossing.
    pub fn add_record_rule(&mut self, rule: RecordRule) {
        self.records.push(rule);
    }

    /// Adds a condition without which no record crosses, of one entity or of all.
    pub fn require(&mut self, entity: Option<EntityName>, condition: Condition) {
        self.required.push((entity, condition));
    }

    /// Returns what happens to a field that no rule names.
    pub fn fallback(&self) -> Fallback {
        self.fallback
    }

    /// Returns the text that stands for a masked value.
    pub fn mask(&self) -> &str {
        &self.mask
    }

    /// Returns the rules, in the order in which they are held against a field.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the rules for whole records.
    pub fn record_rules(&self) -> &[RecordRule] {
        &self.records
    }

    /// Compiles the gate of one entity. Do it once per run: it walks all rules.
    pub fn gate(&self, entity: &EntityName) -> EntityGate {
        let concerns =
            |named: &Option<EntityName>| named.as_ref().is_none_or(|named| named == entity);
        let rules = self.rules.iter().filter(|rule| concerns(&rule.entity));
        let rules: Vec<_> = rules.map(|rule| (rule.pattern.clone(), rule.action)).collect();
        let records = self.records.iter().filter(|rule| concerns(&rule.entity));
        let records: Vec<_> = records.map(|rule| rule.condition.clone()).collect();
        let is_open = self.fallback == Fallback::Allow
            && rules.iter().all(|(_, action)| *action == Action::Allow);
        let required = self.required.iter().filter(|(named, _)| concerns(named));
        let required = required.map(|(_, condition)| condition.clone()).collect();
        let (fallback, mask) = (self.fallback, self.mask.clone());
        EntityGate { is_open, fallback, mask, rules, records, required }
    }

    /// Judges one field. Where there are many, compile the [`gate`](Self::gate) once instead.
    pub fn judge(&self, entity: &EntityName, path: &Path, direction: Direction) -> Judgement {
        Judgement::from(self.gate(entity).judge(path, direction))
    }
}

/// An owned [`Crossing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It crosses as it is.
    Pass,
    /// It does not cross.
    Withhold,
    /// This text crosses in its place.
    Mask(String),
}

impl From<Crossing<'_>> for Judgement {
    fn from(crossing: Crossing<'_>) -> Self {
        match crossing {
            Crossing::Pass => Self::Pass,
            Crossing::Withhold => Self::Withhold,
            Crossing::Mask(text) => Self::Mask(text.to_owned()),
        }
    }
}

/// The gate of one entity between one domain and the hub, compiled from a [`DomainPolicy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityGate {
    is_open: bool,
    fallback: Fallback,
    mask: String,
    rules: Vec<(Pattern, Action)>,
    /// A record that meets one of these never crosses.
    records: Vec<Condition>,
    /// A record that does not meet all of these never crosses.
    required: Vec<Condition>,
}

impl EntityGate {
    /// Returns the text that stands for a masked value.
    pub fn mask(&self) -> &str {
        &self.mask
    }

    /// Returns the gate with one more rule, before all others: this field never crosses.
    #[must_use]
    pub fn without(mut self, field: &Path) -> Self {
        // A key that is a wildcard in a pattern is spelled so that it is none.
        if let Ok(pattern) = Pattern::parse(&field.as_str().replace('*', "~2")) {
            self.rules.insert(0, (pattern, Action::Deny));
            self.is_open = false;
        }
        self
    }

    /// Returns whether every field of every record passes in both directions, so that nothing needs
    /// to be judged.
    pub fn passes_everything(&self) -> bool {
        self.is_open && self.records.is_empty() && self.required.is_empty()
    }

    /// Returns whether every field passes in both directions; whole records may still be kept back.
    pub fn passes_every_field(&self) -> bool {
        self.is_open
    }

    /// Judges a field whose value is not an array.
    ///
    /// A rule that restricts something inside of the field restricts the field as well, beside the rule
    /// for the whole: a value cannot cross in part.
    pub fn judge(&self, path: &Path, direction: Direction) -> Crossing<'_> {
        self.judge_value(path, Kind::Null, direction)
    }

    /// Judges a field by its path and the kind of its value.
    ///
    /// An array is one value, in which patterns with wildcards may name something as well, such as
    /// `/*/secret`; it is then withheld whole. For other kinds this is [`judge`](Self::judge).
    pub fn judge_value(&self, path: &Path, kind: Kind, direction: Direction) -> Crossing<'_> {
        if self.is_open {
            return Crossing::Pass;
        }
        let whole = match (self.covering(path), self.fallback) {
            (Some(at), _) => self.crossing(self.rules[at].1, direction),
            (None, Fallback::Allow) => Crossing::Pass,
            (None, Fallback::Deny) => Crossing::Withhold,
        };
        let inside = self.rules_inside(path, kind);
        inside.fold(whole, |strictest, (_, action)| {
            strictest.or_stricter(self.crossing(*action, direction))
        })
    }

    /// Returns a rule that restricts a field by its path and the kind of its value, if one does: one for
    /// something inside of it comes before the one for the whole.
    pub fn rule_for(&self, path: &Path, kind: Kind) -> Option<(&Pattern, Action)> {
        let whole = self.covering(path).map(|at| &self.rules[at]);
        let deciding = self.rules_inside(path, kind).next().or(whole);
        deciding.map(|(pattern, action)| (pattern, *action))
    }

    /// Returns the place of the rule that is for a field as a whole.
    fn covering(&self, path: &Path) -> Option<usize> {
        self.rules.iter().position(|(pattern, _)| pattern.covers(path))
    }

    /// Returns the rules that restrict something inside of a field, and come before the one that is for
    /// the whole.
    fn rules_inside(&self, path: &Path, kind: Kind) -> impl Iterator<Item = &(Pattern, Action)> {
        let before = &self.rules[..self.covering(path).unwrap_or(self.rules.len())];
        before.iter().filter(move |(pattern, action)| {
            *action != Action::Allow && names_inside(pattern, path, kind == Kind::Array)
        })
    }

    fn crossing(&self, action: Action, direction: Direction) -> Crossing<'_> {
        match (action, direction) {
            (Action::Allow, _)
            | (Action::OutOnly, Direction::FromDomain)
            | (Action::InOnly, Direction::ToDomain) => Crossing::Pass,
            (Action::Mask, Direction::ToDomain) => Crossing::Mask(&self.mask),
            (Action::Deny, _)
            | (Action::Mask | Action::InOnly, Direction::FromDomain)
            | (Action::OutOnly, Direction::ToDomain) => Crossing::Withhold,
        }
    }

    /// Returns whether a record never crosses, by the values of its fields.
    ///
    /// - `value_at`: the record's value at a path, if it has one there.
    pub fn keeps_back<'r>(&self, value_at: impl Fn(&Path) -> Option<&'r Leaf>) -> bool {
        let is_met = |condition: &Condition| condition.is_met(value_at(&condition.path));
        self.records.iter().any(is_met) || !self.required.iter().all(is_met)
    }

    /// Returns whether a record may be kept back, by the values of its fields.
    pub fn judges_records(&self) -> bool {
        self.record_paths().next().is_some()
    }

    /// Returns the fields that decide whether a record crosses.
    pub fn record_paths(&self) -> impl Iterator<Item = &Path> {
        self.records.iter().chain(&self.required).map(|condition| &condition.path)
    }
}

/// Returns whether `pattern` can match something inside of `path`.
///
/// Wildcards above the last segment of `path` count only if `through_wildcards`: else `/*/secret`
/// would withhold every field that holds a plain value.
fn names_inside(pattern: &Pattern, path: &Path, through_wildcards: bool) -> bool {
    let mut wanted = pattern.as_str().split('/').skip(1);
    for segment in path.as_str().split('/').skip(1) {
        let fits = match wanted.next() {
            Some("**") => return through_wildcards,
            Some("*") => through_wildcards,
            Some(key) => key.replace("~2", "*") == segment,
            None => false,
        };
        if !fits {
            return false;
        }
    }
    wanted.next().is_some()
}

/// The text that stands for masked values is empty, too long or holds control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a mask has 1 to {MASK_BYTES_MAX} bytes without control characters; this one has {bytes}")]
pub struct MaskError {
    /// The length of the refused text, in bytes.
    pub bytes: usize,
}

impl MaskError {
    /// Returns the stable code of this error.
    pub const fn code(self) -> &'static str {
        "MASK_INVALID"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Direction; 2] = [Direction::FromDomain, Direction::ToDomain];

    fn contacts() -> EntityName {
        EntityName::new("contacts").unwrap()
    }

    fn rule(pattern: &str, action: Action) -> Rule {
        Rule { entity: None, pattern: Pattern::parse(pattern).unwrap(), action }
    }

    fn gate(fallback: Fallback, rules: &[(&str, Action)]) -> EntityGate {
        let mut policy = DomainPolicy::new(fallback);
        rules.iter().for_each(|(pattern, action)| policy.add_rule(rule(pattern, *action)));
        policy.gate(&contacts())
    }

    /// Renders from-domain and to-domain: `+` passes, `-` is withheld, `m` is masked.
    fn crossings(gate: &EntityGate, path: &str, kind: Kind) -> String {
        let path = Path::parse(path).unwrap();
        let judge = |direction| match gate.judge_value(&path, kind, direction) {
            Crossing::Pass => '+',
            Crossing::Withhold => '-',
            Crossing::Mask(_) => 'm',
        };
        BOTH.map(judge).iter().collect()
    }

    /// One row per action: what leaves the domain, what enters it.
    #[test]
    fn an_action_decides_both_directions() {
        #[rustfmt::skip]
        let cases = [
            (Action::Allow, "++"), (Action::Deny, "--"), (Action::Mask, "-m"),
            (Action::OutOnly, "+-"), (Action::InOnly, "-+"),
        ];
        for (action, expected) in cases {
            let gate = gate(Fallback::Allow, &[("/phone", action)]);
            assert_eq!(crossings(&gate, "/phone", Kind::String), expected, "case: {action:?}");
            assert_eq!(crossings(&gate, "/name", Kind::String), "++", "case: {action:?}");
        }
    }

    /// A name, the rules in their order, a field, the kind of its value, and how it crosses.
    type Row<'a> = (&'a str, &'a [(&'a str, Action)], &'a str, Kind, &'a str);

    /// One row per way in which a pattern and a field can lie to each other.
    #[test]
    fn a_rule_holds_for_everything_inside_of_its_field() {
        use Action::{Allow, Deny};
        let (string, array) = (Kind::String, Kind::Array);
        #[rustfmt::skip]
        let cases: &[Row<'_>] = &[
            ("the field itself",       &[("/a", Deny)],                   "/a",     string, "--"),
            ("inside of it",           &[("/a", Deny)],                   "/a/b/c", string, "--"),
            ("beside it",              &[("/a", Deny)],                   "/ab",    string, "++"),
            ("all below",              &[("/a/**", Deny)],                "/a/b",   string, "--"),
            ("first rule wins",        &[("/a/b", Allow), ("/a", Deny)],  "/a/b",   string, "++"),
            ("and only there",         &[("/a/b", Allow), ("/a", Deny)],  "/a/c",   string, "--"),
            ("a later one is dead",    &[("/a", Allow), ("/a/b", Deny)],  "/a/b",   string, "++"),
            ("names inside a value",   &[("/a/b", Deny)],                 "/a",     array,  "--"),
            ("through a wildcard",     &[("/a/*/c", Deny)],               "/a",     array,  "--"),
            ("wildcard, plain value",  &[("/*/c", Deny)],                 "/a",     string, "++"),
            ("wildcard, an array",     &[("/*/c", Deny)],                 "/a",     array,  "--"),
            ("all below, an array",    &[("/**", Deny)],                  "/a",     array,  "--"),
            ("elsewhere inside",       &[("/x/b", Deny)],                 "/a",     array,  "++"),
            ("an escaped asterisk",    &[("/~2", Deny)],                  "/*",     string, "--"),
            ("is not a wildcard",      &[("/~2", Deny)],                  "/a",     string, "++"),
        ];
        for (name, rules, path, kind, expected) in cases {
            let gate = gate(Fallback::Allow, rules);
            assert_eq!(&crossings(&gate, path, *kind), expected, "case: {name}");
        }
    }

    #[test]
    fn only_allowed_fields_cross_where_the_rest_is_denied() {
        let gate = gate(Fallback::Deny, &[("/name", Action::Allow), ("/a/b", Action::Allow)]);
        assert_eq!(crossings(&gate, "/name/first", Kind::String), "++");
        assert_eq!(crossings(&gate, "/notes", Kind::String), "--");
        // What allows a part of a value does not allow the whole of it.
        assert_eq!(crossings(&gate, "/a", Kind::Array), "--");
        assert!(!gate.passes_every_field());
    }

    /// One row per rule for a part of `/o`: how a plain value at `/o` crosses that is denied as a whole.
    #[test]
    fn what_is_denied_as_a_whole_does_not_cross_by_a_rule_for_a_part() {
        use Action::{Allow, Deny, InOnly, Mask, OutOnly};
        for part in [Allow, Deny, Mask, OutOnly, InOnly] {
            let rules = [("/o/x", part), ("/o", Deny)];
            let gates = [gate(Fallback::Allow, &rules), gate(Fallback::Deny, &rules[..1])];
            for gate in &gates {
                for kind in [Kind::String, Kind::Array] {
                    assert_eq!(crossings(gate, "/o", kind), "--", "case: {part:?} {kind:?}");
                }
            }
        }
        let both_ways = gate(Fallback::Allow, &[("/o/x", OutOnly), ("/o/y", InOnly)]);
        assert_eq!(crossings(&both_ways, "/o", Kind::String), "--");
        let masked = gate(Fallback::Allow, &[("/o/x", InOnly), ("/o", Mask)]);
        assert_eq!(crossings(&masked, "/o", Kind::String), "-m");
        assert_eq!(crossings(&masked, "/o/x", Kind::String), "-+");
    }

    #[test]
    fn a_rule_for_one_entity_leaves_the_others_open() {
        let mut policy = DomainPolicy::default();
        policy.add_rule(Rule { entity: Some(contacts()), ..rule("/notes", Action::Deny) });
        let tasks = EntityName::new("tasks").unwrap();
        assert!(policy.gate(&tasks).passes_everything());
        assert!(!policy.gate(&contacts()).passes_everything());
        let notes = Path::parse("/notes").unwrap();
        assert_eq!(policy.judge(&tasks, &notes, Direction::ToDomain), Judgement::Pass);
        assert_eq!(policy.judge(&contacts(), &notes, Direction::ToDomain), Judgement::Withhold);
    }

    #[test]
    fn a_record_that_meets_a_condition_is_kept_back() {
        let path = Path::parse("/category").unwrap();
        let mut policy = DomainPolicy::default();
        let one_of = vec![Leaf::string("private")];
        let condition = Condition { path: path.clone(), one_of };
        policy.add_record_rule(RecordRule { entity: Some(contacts()), condition });
        let gate = policy.gate(&contacts());
        let (private, business) = (Leaf::string("private"), Leaf::string("business"));
        assert!(gate.keeps_back(|at| (*at == path).then_some(&private)));
        assert!(!gate.keeps_back(|at| (*at == path).then_some(&business)));
        assert!(!gate.keeps_back(|_| None));
        assert!(gate.passes_every_field() && !gate.passes_everything());
    }

    #[test]
    fn a_record_that_does_not_meet_what_is_required_is_kept_back() {
        let path = Path::parse("/category").unwrap();
        let mut policy = DomainPolicy::default();
        let condition = Condition { path: path.clone(), one_of: vec![Leaf::string("business")] };
        policy.require(Some(contacts()), condition);
        let gate = policy.gate(&contacts());
        let (private, business) = (Leaf::string("private"), Leaf::string("business"));
        assert!(gate.keeps_back(|at| (*at == path).then_some(&private)));
        assert!(!gate.keeps_back(|at| (*at == path).then_some(&business)));
        assert!(gate.keeps_back(|_| None), "a record that does not say so does not meet it");
        assert!(gate.passes_every_field() && !gate.passes_everything());
        let other = policy.gate(&EntityName::new("tasks").unwrap());
        assert!(!other.keeps_back(|_| None) && other.passes_everything());
    }

    #[test]
    fn a_mask_is_a_short_plain_text() {
        let policy = DomainPolicy::default();
        assert!(policy.clone().with_mask("").is_err());
        assert!(policy.clone().with_mask(&"x".repeat(65)).is_err());
        assert!(policy.clone().with_mask("a\nb").is_err());
        assert_eq!(policy.with_mask("•••").unwrap().mask(), "•••");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever stands in front, a field denied first never crosses, nor does anything in it.
        #[test]
        fn a_field_denied_first_never_crosses(
            denied in "(/[a-c]){1,3}", below in "(/[a-c]){0,3}",
            others in prop::collection::vec(("(/([a-c]|[*])){1,3}", 0_usize..5), 0..5),
        ) {
            use Action::{Allow, Deny, InOnly, Mask, OutOnly};
            let mut policy = DomainPolicy::default();
            policy.add_rule(rule(&denied, Deny));
            for (pattern, action) in &others {
                policy.add_rule(rule(pattern, [Allow, Deny, Mask, OutOnly, InOnly][*action]));
            }
            let gate = policy.gate(&contacts());
            let path = Path::parse(&format!("{denied}{below}")).unwrap();
            for direction in BOTH {
                prop_assert_eq!(gate.judge(&path, direction), Crossing::Withhold);
            }
        }

        /// A value crosses as it is only if all that could stand in it would.
        #[test]
        fn a_value_crosses_only_if_every_part_of_it_would(
            whole in "(/[a-c]){1,2}", below in "(/[a-c]){1,2}", is_open in any::<bool>(),
            rules in prop::collection::vec(("(/[a-c]){1,3}", 0_usize..5), 0..5),
        ) {
            use Action::{Allow, Deny, InOnly, Mask, OutOnly};
            let fallback = if is_open { Fallback::Allow } else { Fallback::Deny };
            let mut policy = DomainPolicy::new(fallback);
            for (pattern, action) in &rules {
                policy.add_rule(rule(pattern, [Allow, Deny, Mask, OutOnly, InOnly][*action]));
            }
            let gate = policy.gate(&contacts());
            let outer = Path::parse(&whole).unwrap();
            let covering = rules.iter().find(|(pattern, _)| {
                Pattern::parse(pattern).unwrap().covers(&outer)
            });
            for direction in BOTH {
                if gate.judge(&outer, direction) != Crossing::Pass {
                    continue;
                }
                let inner = Path::parse(&format!("{whole}{below}")).unwrap();
                prop_assert_eq!(gate.judge(&inner, direction), Crossing::Pass);
                let may_cross = covering.map_or(is_open, |(pattern, _)| {
                    let alone = gate.rules.iter().find(|(own, _)| own.as_str() == pattern);
                    gate.crossing(alone.unwrap().1, direction) == Crossing::Pass
                });
                prop_assert!(may_cross, "by a rule for a part");
            }
        }
    }
}
