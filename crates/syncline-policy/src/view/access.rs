//! Who may see and write which records and fields of a served hub.

use syncline_model::id::EntityName;
use syncline_model::json::Object;
use syncline_model::path::{Path, Pattern};
use thiserror::Error;

use super::bound::BoundFilter;
use super::filter::{Field, Filter};

/// One thing that the holders of a role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// The roles that it is for.
    pub roles: Vec<Box<str>>,
    /// The types of record; `None` for all.
    pub entities: Option<Vec<EntityName>>,
    /// Which records may be seen; `None` for none.
    pub read: Option<Filter>,
    /// Which of their fields, with all that is inside them; `None` for all.
    pub read_fields: Option<Vec<Pattern>>,
    /// Which records may be written: as they are before a write, and as they are after it; `None`
    /// for none.
    pub write: Option<Filter>,
    /// Which of their fields; `None` for all.
    pub write_fields: Option<Vec<Pattern>>,
    /// Whether records may be made.
    pub create: bool,
    /// Whether records may be deleted.
    pub delete: bool,
}

/// What the holder of one token may do: the rules of its role, bound to its claims.
///
/// What no rule grants is refused. Of several rules for one entity each grants what it says by
/// itself: a write is allowed if one of them allows all of it.
#[derive(Clone, Debug, Default)]
pub struct Permit {
    grants: Vec<Grant>,
    everything: bool,
}

#[derive(Clone, Debug)]
struct Grant {
    entities: Option<Vec<EntityName>>,
    read: Option<BoundFilter>,
    read_fields: Option<Vec<Pattern>>,
    write: Option<BoundFilter>,
    write_fields: Option<Vec<Pattern>>,
    create: bool,
    delete: bool,
}

/// One write, as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The type of record.
    pub entity: &'a EntityName,
    /// The record before; `None` if there is none.
    pub before: Option<&'a [Field]>,
    /// The record after; `None` if there is none.
    pub after: Option<&'a [Field]>,
    /// The fields that are written.
    pub paths: &'a [Path],
}

/// A write was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the token does not allow this write of `{entity}`")]
pub struct WriteDenied {
    /// The type of record.
    pub entity: EntityName,
}

impl WriteDenied {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "WRITE_DENIED"
    }
}

impl Permit {
    /// Returns the permit to see and write everything.
    pub const fn everything() -> Self {
        Self { grants: Vec::new(), everything: true }
    }

    /// Binds the rules of a role to what a token says. A rule that asks for a claim which the token
    /// does not have grants nothing.
    pub fn bind<'r>(
        rules: impl IntoIterator<Item = &'r AccessRule>,
        role: &str,
        claims: &Object,
    ) -> Self {
        let of_role = rules.into_iter().filter(|rule| rule.roles.iter().any(|of| &**of == role));
        let grants = of_role.map(|rule| {
            let bind = |filter: &Option<Filter>| filter.as_ref()?.bind(claims, &Object::new()).ok();
            Grant {
                entities: rule.entities.clone(),
                read: bind(&rule.read),
                read_fields: rule.read_fields.clone(),
                write: bind(&rule.write),
                write_fields: rule.write_fields.clone(),
                create: rule.create,
                delete: rule.delete,
            }
        });
        Self { grants: grants.collect(), everything: false }
    }

    /// Returns whether everything is allowed, so that nothing has to be judged.
    pub const fn allows_everything(&self) -> bool {
        self.everything
    }

    /// Returns what may be seen of a record; `None` if it may not be seen at all.
    ///
    /// - `fields`: sorted by path, as is the answer.
    pub fn visible(&self, entity: &EntityName, fields: &[Field]) -> Option<Vec<Field>> {
        if self.everything {
            return Some(fields.to_vec());
        }
        let passing: Vec<&Grant> = self.reading(entity, fields).collect();
        if passing.is_empty() {
            return None;
        }
        let is_shown = |path: &Path| passing.iter().any(|grant| covers(&grant.read_fields, path));
        Some(fields.iter().filter(|(path, _)| is_shown(path)).cloned().collect())
    }

    /// Returns whether a record may be seen, be it in part.
    pub fn may_see(&self, entity: &EntityName, fields: &[Field]) -> bool {
        self.everything || self.reading(entity, fields).next().is_some()
    }

    /// Returns whether anything of an entity may be seen.
    pub fn may_follow(&self, entity: &EntityName) -> bool {
        self.everything || self.of(entity).any(|grant| grant.read.is_some())
    }

    /// Judges a write.
    ///
    /// # Errors
    ///
    /// [`WriteDenied`]: nothing of it may be applied.
    pub fn judge(&self, write: Write<'_>) -> Result<(), WriteDenied> {
        if self.everything || self.of(write.entity).any(|grant| grant.allows(write)) {
            return Ok(());
        }
        Err(WriteDenied { entity: write.entity.clone() })
    }

    fn of<'a>(&'a self, entity: &'a EntityName) -> impl Iterator<Item = &'a Grant> {
        let is_for = move |grant: &&Grant| {
            grant.entities.as_ref().is_none_or(|entities| entities.contains(entity))
        };
        self.grants.iter().filter(is_for)
    }

    fn reading<'a>(
        &'a self,
        entity: &'a EntityName,
        fields: &'a [Field],
    ) -> impl Iterator<Item = &'a Grant> {
        let passes = |grant: &&Grant| grant.read.as_ref().is_some_and(|read| read.matches(fields));
        self.of(entity).filter(passes)
    }
}

impl Grant {
    fn allows(&self, write: Write<'_>) -> bool {
        let Some(filter) = &self.write else {
            return false;
        };
        let kind = match (write.before, write.after) {
            (None, Some(_)) => self.create,
            (Some(_), None) => self.delete,
            _ => true,
        };
        let images = [write.before, write.after];
        kind && images.into_iter().flatten().all(|fields| filter.matches(fields))
            && write.paths.iter().all(|path| covers(&self.write_fields, path))
    }
}

fn covers(fields: &Option<Vec<Pattern>>, path: &Path) -> bool {
    fields.as_ref().is_none_or(|some| some.iter().any(|pattern| pattern.covers(path)))
}

#[cfg(test)]
mod tests {
    use syncline_model::json::{Json, fields, parse};

    use super::*;

    fn record(text: &str) -> Vec<Field> {
        fields::flatten(text.as_bytes()).unwrap()
    }

    fn object(text: &str) -> Object {
        match parse(text.as_bytes()).unwrap() {
            Json::Object(object) => object,
            other => panic!("not an object: {other:?}"),
        }
    }

    fn tasks() -> EntityName {
        EntityName::new("tasks").unwrap()
    }

    fn rule(role: &str, read: Option<&str>, write: Option<&str>) -> AccessRule {
        let filter = |text: Option<&str>| text.map(|text| Filter::compile(text).unwrap());
        AccessRule {
            roles: vec![role.into()],
            entities: Some(vec![tasks()]),
            read: filter(read),
            read_fields: None,
            write: filter(write),
            write_fields: None,
            create: true,
            delete: false,
        }
    }

    fn paths(some: &[&str]) -> Vec<Path> {
        some.iter().map(|path| Path::parse(path).unwrap()).collect()
    }

    #[test]
    fn what_no_rule_grants_is_refused() {
        let own = "record.owner == claims.sub";
        let rules = [rule("client", Some(own), Some(own)), rule("reviewer", Some("true"), None)];
        let (mine, theirs) = (record(r#"{"owner":"ann"}"#), record(r#"{"owner":"bob"}"#));
        let claims = object(r#"{"sub":"ann"}"#);
        let client = Permit::bind(&rules, "client", &claims);
        assert!(client.may_see(&tasks(), &mine) && !client.may_see(&tasks(), &theirs));
        let notes = EntityName::new("notes").unwrap();
        assert!(!client.may_see(&notes, &mine) && !client.may_follow(&notes));
        let tasks = tasks();
        let written = paths(&["/owner"]);
        let judge = |permit: &Permit, before: Option<&[Field]>, after: Option<&[Field]>| {
            permit.judge(Write { entity: &tasks, before, after, paths: &written }).is_ok()
        };
        #[rustfmt::skip]
        let cases = [
            ("an own record is written",         Some(&mine[..]),   Some(&mine[..]),   true),
            ("an own record is made",            None,              Some(&mine[..]),   true),
            ("somebody else's is made",          None,              Some(&theirs[..]), false),
            ("it is given away",                 Some(&mine[..]),   Some(&theirs[..]), false),
            ("it is taken from somebody",        Some(&theirs[..]), Some(&mine[..]),   false),
            ("it is deleted without the right",  Some(&mine[..]),   None,              false),
        ];
        for (name, before, after, expected) in cases {
            assert_eq!(judge(&client, before, after), expected, "case: {name}");
        }
        let reviewer = Permit::bind(&rules, "reviewer", &claims);
        assert!(reviewer.may_see(&tasks, &theirs));
        assert!(!judge(&reviewer, Some(&mine), Some(&mine)));
        for permit in [
            Permit::bind(&rules, "operator", &claims),
            Permit::bind(&rules, "client", &Object::new()),
            Permit::default(),
        ] {
            assert!(!permit.may_see(&tasks, &mine) && !judge(&permit, None, Some(&mine)));
        }
        assert!(judge(&Permit::everything(), Some(&mine), None));
    }

    #[test]
    fn a_field_that_no_passing_rule_shows_is_not_shown_and_one_that_none_allows_is_not_written() {
        let mut some = rule("client", Some("true"), Some("true"));
        some.read_fields = Some(vec![Pattern::parse("/title").unwrap()]);
        some.write_fields = Some(vec![Pattern::parse("/title").unwrap()]);
        let mut own = rule("client", Some("record.owner == claims.sub"), None);
        own.read_fields = Some(vec![Pattern::parse("/salary").unwrap()]);
        let permit = Permit::bind(&[some, own], "client", &object(r#"{"sub":"ann"}"#));
        let shown = |text| {
            let visible = permit.visible(&tasks(), &record(text)).unwrap();
            visible.iter().map(|(path, _)| path.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown(r#"{"owner":"ann","title":"a","salary":1}"#), ["/salary", "/title"]);
        assert_eq!(shown(r#"{"owner":"bob","title":"a","salary":1}"#), ["/title"]);
        let (entity, task) = (tasks(), record(r#"{"owner":"ann","title":"a"}"#));
        let judge = |written: &[&str]| {
            let (before, after) = (Some(&task[..]), Some(&task[..]));
            permit.judge(Write { entity: &entity, before, after, paths: &paths(written) })
        };
        assert!(judge(&["/title"]).is_ok());
        assert_eq!(judge(&["/title", "/salary"]).unwrap_err().code(), "WRITE_DENIED");
    }
}
