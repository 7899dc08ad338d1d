//! Names that may become part of a file name, and file names that are not paths.

use syncline_model::id::{DomainName, EntityName};

use super::error::{At, Refusal};
use super::limits::{FILE_NAME_BYTES_MAX, NAME_BYTES_MAX};

pub(super) const NAME_NEXT: &str = "use 1 to 64 letters A-Z a-z, digits, `_` and `-`";

/// Returns whether a name has only the characters that are allowed: it is never a path.
pub(super) fn is_allowed(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(allowed)
}

/// Checks the name of a domain, an entity or a link against the characters that are allowed.
pub(super) fn check(kind: &str, name: &str, at: &At) -> Result<(), Refusal> {
    if is_allowed(name) {
        return Ok(());
    }
    let what = format!("the name of a {kind} is not allowed");
    Err(Refusal::new(at.clone(), what, "names become part of file names and reports", NAME_NEXT))
}

/// Checks and takes the name of a domain.
pub(super) fn domain(name: &str, at: &At) -> Result<DomainName, Refusal> {
    check("domain", name, at)?;
    Ok(DomainName::new(name).expect("invariant: a checked name fits the model's bounds"))
}

/// Checks and takes the name of an entity.
pub(super) fn entity(name: &str, at: &At) -> Result<EntityName, Refusal> {
    check("entity", name, at)?;
    Ok(EntityName::new(name).expect("invariant: a checked name fits the model's bounds"))
}

/// Checks the file name of an entity: one name inside the domain's folder, never a way out of it.
pub(super) fn file(name: &str, at: &At) -> Result<String, Refusal> {
    let is_plain = !name.is_empty()
        && name.len() <= FILE_NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':'));
    if is_plain {
        return Ok(name.to_owned());
    }
    let why = "an entity lies directly in its domain's folder, so that no name leads out of it";
    Err(Refusal::new(
        at.clone(),
        "the file of an entity is not a plain file name",
        why,
        "give one name such as `contacts.json`, without folders and without a dot in front",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_a_folder() {
        let long = "x".repeat(65);
        for name in ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "C:", "a b", "é", "a\0", &long]
        {
            assert!(domain(name, &At::default()).is_err(), "case: {name}");
            assert!(entity(name, &At::default()).is_err(), "case: {name}");
        }
        for name in ["personal", "Work-2_a", &long[1..]] {
            assert!(domain(name, &At::default()).is_ok(), "case: {name}");
        }
        for name in
            ["", ".", "..", "../x.json", "a/b.json", "/etc/passwd", "a\\b", "C:x", ".hidden"]
        {
            assert!(file(name, &At::default()).is_err(), "case: {name}");
        }
        assert_eq!(file("my contacts.json", &At::default()).unwrap(), "my contacts.json");
    }
}
