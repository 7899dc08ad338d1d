//! Who may see and write which records and fields of a served hub.

use syncline_model::id::EntityName;
use syncline_model::json::Object;
use syncline_model::path::{Path, Pattern};
use thiserror::Error;

use super::bound::BoundFilter;
use super::filter::{Field, Filter};
use super::sight::Lens;

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
pub(super) struct Grant {
    pub(super) entities: Option<Vec<EntityName>>,
    pub(super) read: Option<BoundFilter>,
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
    /// The record as it would be if the write had come upon nothing else: what it says may not be shown
    /// at once, and all the same be there; `None` if there would be none.
    pub as_written: Option<&'a [Field]>,
    /// Whether it deletes the record.
    pub deletes: bool,
    /// The fields that are written; of a deletion none.
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
        let grants: Vec<Grant> = grants.collect();
        let everything = grants.iter().any(Grant::is_everything);
        Self { grants, everything }
    }

    /// Returns whether everything is allowed, so that nothing has to be judged.
    pub const fn allows_everything(&self) -> bool {
        self.everything
    }

    /// Returns which fields of a record may be seen; `None` if it may not be seen at all.
    ///
    /// - `fields`: the record, sorted by path.
    pub(super) fn lens(&self, entity: &EntityName, fields: &[Field]) -> Option<Lens<'_>> {
        if self.everything {
            return Some(Lens::ALL);
        }
        let mut shown: Option<Vec<&Pattern>> = None;
        for grant in self.grants.iter().filter(|grant| grant.shows(entity, fields)) {
            match &grant.read_fields {
                None => return Some(Lens::ALL),
                Some(patterns) => shown.get_or_insert_default().extend(patterns),
            }
        }
        shown.map(Lens::of)
    }

    /// Returns whether a record may be seen, be it in part.
    pub fn may_see(&self, entity: &EntityName, fields: &[Field]) -> bool {
        self.everything || self.grants.iter().any(|grant| grant.shows(entity, fields))
    }

    /// Returns whether anything of an entity may be seen.
    pub fn may_follow(&self, entity: &EntityName) -> bool {
        self.everything || self.of(entity).any(|grant| grant.read.is_some())
    }

    /// Judges a write before it is known what the record is like after it, so that what comes of
    /// carrying it out tells nothing to those who may not write here: [`Write::after`] is not looked
    /// at.
    ///
    /// # Errors
    ///
    /// [`WriteDenied`]: nothing of it may be applied.
    pub fn judge_before(&self, write: Write<'_>) -> Result<(), WriteDenied> {
        self.judge(Write { after: None, as_written: None, ..write })
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

    /// Returns what is granted for the records of an entity, as far as it lets them be seen.
    pub(super) fn read_filters(
        &self,
    ) -> impl Iterator<Item = (Option<&[EntityName]>, &BoundFilter)> {
        self.grants
            .iter()
            .filter_map(|grant| Some((grant.entities.as_deref(), grant.read.as_ref()?)))
    }

    fn of(&self, entity: &EntityName) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.is_for(entity))
    }
}

impl Grant {
    fn is_for(&self, entity: &EntityName) -> bool {
        self.entities.as_ref().is_none_or(|entities| entities.contains(entity))
    }

    fn shows(&self, entity: &EntityName, fields: &[Field]) -> bool {
        self.is_for(entity) && self.read.as_ref().is_some_and(|read| read.matches(fields))
    }

    /// Returns whether it allows all that there is.
    fn is_everything(&self) -> bool {
        let is_all =
            |filter: &Option<BoundFilter>| filter.as_ref().is_some_and(BoundFilter::is_all);
        let fields = [&self.read_fields, &self.write_fields];
        self.entities.is_none()
            && fields.into_iter().all(Option::is_none)
            && is_all(&self.read)
            && is_all(&self.write)
            && self.create
            && self.delete
    }

    fn allows(&self, write: Write<'_>) -> bool {
        let Some(filter) = &self.write else {
            return false;
        };
        let kind = match write.before {
            _ if write.deletes => self.delete,
            None => self.create,
            Some(_) => true,
        };
        let images = [write.before, write.after, write.as_written];
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
            let deletes = after.is_none();
            let as_written = after;
            let paths = &written;
            let write = Write { entity: &tasks, before, after, as_written, deletes, paths };
            permit.judge(write).is_ok()
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
            let record = record(text);
            let visible = permit.lens(&tasks(), &record).unwrap().shown(&record);
            visible.iter().map(|(path, _)| path.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown(r#"{"owner":"ann","title":"a","salary":1}"#), ["/salary", "/title"]);
        assert_eq!(shown(r#"{"owner":"bob","title":"a","salary":1}"#), ["/title"]);
        let (entity, task) = (tasks(), record(r#"{"owner":"ann","title":"a"}"#));
        let judge = |written: &[&str]| {
            let (before, after) = (Some(&task[..]), Some(&task[..]));
            let paths = paths(written);
            let (as_written, deletes) = (after, false);
            permit.judge(Write {
                entity: &entity,
                before,
                after,
                as_written,
                deletes,
                paths: &paths,
            })
        };
        assert!(judge(&["/title"]).is_ok());
        assert_eq!(judge(&["/title", "/salary"]).unwrap_err().code(), "WRITE_DENIED");
    }
}
