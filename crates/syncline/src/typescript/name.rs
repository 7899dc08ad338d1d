//! What types are called: `tasks` holds a `Task`.

use std::collections::BTreeSet;

/// Plurals that are their own singular, or have none that a rule finds.
const UNCHANGED: [&str; 4] = ["news", "series", "species", "lens"];

/// The names of one text; each is given once.
#[derive(Debug)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Begins with names that are taken already.
    pub(super) fn without(taken: &[&str]) -> Self {
        Self { taken: taken.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// Takes the first of the names that is free, else the last with the first number that is.
    pub(super) fn take(&mut self, wanted: &[String]) -> String {
        let last = wanted.last().cloned().unwrap_or_default();
        let numbered = (2_u32..).map(|number| format!("{last}{number}"));
        let mut names = wanted.iter().cloned().chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or(last);
        self.taken.insert(name.clone());
        name
    }
}

/// Returns the names of the type of an entity's records, the better one first.
pub(super) fn of_entity(entity: &str) -> Vec<String> {
    let plural = pascal(entity);
    vec![singular(&plural), plural]
}

/// Returns words as one name: `work-orders` is `WorkOrders`. What no identifier holds parts words.
pub(super) fn pascal(words: &str) -> String {
    let mut name = String::new();
    let mut begins = true;
    for c in words.chars() {
        if !(c.is_ascii_alphanumeric() || is_latin_letter(c)) {
            begins = true;
        } else if begins {
            name.extend(c.to_uppercase().filter(|c| c.is_alphanumeric()));
            begins = false;
        } else {
            name.push(c);
        }
    }
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() => name,
        _ => format!("Entity{name}"),
    }
}

/// Of these every letter may stand in an identifier; that is not so of all that Unicode calls letters.
fn is_latin_letter(c: char) -> bool {
    ('\u{c0}'..='\u{24f}').contains(&c) && c.is_alphabetic()
}

/// Returns the singular of an English plural, as far as its ending tells.
fn singular(name: &str) -> String {
    let lower = name.to_lowercase();
    let is_unchanged = UNCHANGED.iter().any(|word| lower.ends_with(word));
    let keeps = ["ss", "us", "is"].iter().any(|ending| lower.ends_with(ending));
    let stem = |ending: &str| name.strip_suffix(ending).filter(|stem| stem.chars().count() > 1);
    if is_unchanged || keeps {
        return name.to_owned();
    }
    if let Some(stem) = stem("ies").filter(|stem| stem.chars().count() > 2) {
        return format!("{stem}y");
    }
    let hissing = ["sses", "xes", "ches", "shes"].iter().any(|ending| lower.ends_with(ending));
    let stem = if hissing { stem("es") } else { stem("s") };
    stem.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_called_as_one_record_of_its_entity() {
        let cases = [
            ("tasks", "Task"),
            ("work-orders", "WorkOrder"),
            ("line_items", "LineItem"),
            ("companies", "Company"),
            ("movies", "Movy"),
            ("boxes", "Box"),
            ("addresses", "Address"),
            ("batches", "Batch"),
            ("cases", "Case"),
            ("status", "Status"),
            ("news", "News"),
            ("gas", "Ga"),
            ("s", "S"),
            ("calendar", "Calendar"),
            ("aufträge", "Aufträge"),
            ("ärzte", "Ärzte"),
            ("3d-models", "Entity3dModel"),
            ("日本", "Entity"),
            ("__proto__", "Proto"),
        ];
        for (entity, name) in cases {
            let found = of_entity(entity);
            assert_eq!(found.first().map(String::as_str), Some(name), "case: {entity}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::without(&["Json"]);
        let mut take = |entity: &str| names.take(&of_entity(entity));
        assert_eq!(take("task"), "Task");
        assert_eq!(take("tasks"), "Tasks");
        assert_eq!(take("Tasks"), "Tasks2");
        assert_eq!(take("json"), "Json2");
    }
}
