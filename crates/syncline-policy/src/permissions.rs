//! Who may read and write what: users, domains, entities.

use std::collections::BTreeMap;
use std::fmt;

use syncline_model::id::{DomainName, EntityName};
use thiserror::Error;

use crate::guard::Advice;

/// What somebody wants to do with the records of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// See records.
    Read,
    /// Change records.
    Write,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// One thing that a user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The domain; `None` grants every domain.
    pub domain: Option<DomainName>,
    /// The entities; `None` grants every entity.
    pub entities: Option<Vec<EntityName>>,
    /// Whether the user may see records.
    pub read: bool,
    /// Whether the user may change records.
    pub write: bool,
}

impl Grant {
    fn covers(&self, domain: &DomainName, entity: &EntityName, access: Access) -> bool {
        let granted = match access {
            Access::Read => self.read,
            Access::Write => self.write,
        };
        granted
            && self.domain.as_ref().is_none_or(|own| own == domain)
            && self.entities.as_ref().is_none_or(|own| own.contains(entity))
    }
}

/// The name that stands for every user in a grant.
pub const EVERYBODY: &str = "*";

/// The permissions of all users.
///
/// What is granted to [`EVERYBODY`] every user may do, listed or not.
///
/// Without any, the one local user may do everything: who can start the command can also open the
/// files. With any, everybody else is refused everything.
///
/// # Example
///
/// ```
/// use syncline_model::id::{DomainName, EntityName};
/// use syncline_policy::{Access, Grant, Permissions};
///
/// let (personal, contacts) = (DomainName::new("personal")?, EntityName::new("contacts")?);
/// let mut permissions = Permissions::default();
/// assert!(permissions.judge("anybody", &personal, &contacts, Access::Write).is_ok());
///
/// let all_of_personal =
///     Grant { domain: Some(personal.clone()), entities: None, read: true, write: false };
/// permissions.grant("alice", all_of_personal);
/// assert!(permissions.judge("alice", &personal, &contacts, Access::Read).is_ok());
/// let denied = permissions.judge("alice", &personal, &contacts, Access::Write).unwrap_err();
/// assert_eq!(denied.code(), "PERMISSION_DENIED");
/// # Ok::<(), syncline_model::id::IdError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    users: BTreeMap<String, Vec<Grant>>,
}

impl Permissions {
    /// Adds one grant; from the first one on, whatever is not granted is refused.
    pub fn grant(&mut self, user: &str, grant: Grant) {
        self.users.entry(user.to_owned()).or_default().push(grant);
    }

    /// Returns whether nothing was granted to anybody, so that everything is allowed.
    pub fn is_open(&self) -> bool {
        self.users.is_empty()
    }

    /// Returns the users and their grants, in the order of their names.
    pub fn users(&self) -> impl Iterator<Item = (&str, &[Grant])> {
        self.users.iter().map(|(user, grants)| (user.as_str(), grants.as_slice()))
    }

    /// Judges whether `user` may do this.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`]; the run stops before it reads the domain.
    pub fn judge(
        &self,
        user: &str,
        domain: &DomainName,
        entity: &EntityName,
        access: Access,
    ) -> Result<(), PermissionDenied> {
        let mut grants = [user, EVERYBODY].into_iter().filter_map(|name| self.users.get(name));
        if self.is_open() || grants.any(|of| of.iter().any(|g| g.covers(domain, entity, access))) {
            return Ok(());
        }
        let (user, domain, entity) = (user.to_owned(), domain.clone(), entity.clone());
        Err(PermissionDenied { user, domain, entity, access })
    }
}

/// A user may not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("user `{}` may not {access} {entity} in {domain}", user.escape_debug())]
pub struct PermissionDenied {
    /// Who asked.
    pub user: String,
    /// The domain asked for.
    pub domain: DomainName,
    /// The entity asked for.
    pub entity: EntityName,
    /// What was to be done with it.
    pub access: Access,
}

impl PermissionDenied {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        "PERMISSION_DENIED"
    }

    /// Returns what the caller should do: trying again cannot help.
    pub const fn advice(&self) -> Advice {
        Advice::GiveUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(domain: Option<&str>, entities: Option<&[&str]>, allow: &str) -> Grant {
        Grant {
            domain: domain.map(|name| DomainName::new(name).unwrap()),
            entities: entities
                .map(|names| names.iter().map(|name| EntityName::new(name).unwrap()).collect()),
            read: allow.contains('r'),
            write: allow.contains('w'),
        }
    }

    /// One row per way in which a grant can miss: user, domain, entity, access.
    #[test]
    fn what_is_not_granted_is_refused() {
        let mut permissions = Permissions::default();
        permissions.grant("alice", grant(Some("personal"), None, "rw"));
        permissions.grant("alice", grant(Some("business"), Some(&["contacts"]), "r"));
        permissions.grant("bob", grant(None, Some(&["tasks"]), "w"));
        permissions.grant("eve", grant(None, None, ""));
        permissions.grant(EVERYBODY, grant(Some("shared"), Some(&["tasks"]), "r"));
        #[rustfmt::skip]
        let cases = [
            ("alice", "personal", "contacts", Access::Write, true),
            ("alice", "business", "contacts", Access::Read,  true),
            ("alice", "business", "contacts", Access::Write, false),
            ("alice", "business", "tasks",    Access::Read,  false),
            ("bob",   "business", "tasks",    Access::Write, true),
            ("bob",   "business", "tasks",    Access::Read,  false),
            ("eve",   "personal", "contacts", Access::Read,  false),
            ("mallory", "personal", "contacts", Access::Read, false),
            ("mallory", "shared", "tasks",    Access::Read,  true),
            ("bob",     "shared", "tasks",    Access::Read,  true),
            ("mallory", "shared", "tasks",    Access::Write, false),
            ("mallory", "shared", "contacts", Access::Read,  false),
        ];
        for (user, domain, entity, access, expected) in cases {
            let (domain, entity) =
                (DomainName::new(domain).unwrap(), EntityName::new(entity).unwrap());
            let found = permissions.judge(user, &domain, &entity, access).is_ok();
            assert_eq!(found, expected, "case: {user} {access} {entity} in {domain}");
        }
    }
}
