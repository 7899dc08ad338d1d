//! What is said of a route.

use std::pin::Pin;

use super::answer::Answer;
use crate::access::Role;
use crate::asked::Asked;

/// What carries a request out.
pub(crate) type Handler = fn(Asked) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One route.
pub struct Route {
    /// What is done with the path.
    pub method: Method,
    /// The path, as of the default hub; names in braces stand for anything.
    pub path: &'static str,
    /// Whether every hub has it.
    pub scope: Scope,
    /// Who may use it.
    pub access: Access,
    /// The name of the route, unique.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What may stand behind `?`, and what that means.
    pub query: &'static [(&'static str, &'static str)],
    /// The schema of the body, if one is taken.
    pub body: Option<&'static str>,
    /// The answer that is no problem: status and schema.
    pub answer: (u16, Option<&'static str>),
    /// Statuses of problems that only this route has; those that every route has are not named.
    pub problems: &'static [u16],
    /// Whether it may wait for changes, and so counts for no work.
    pub(crate) pace: Pace,
    pub(crate) handler: Handler,
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Looks.
    Get,
    /// Adds.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns the word in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Whether a route is there once or for every hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once; its tokens are those of the default hub.
    Server,
    /// For every hub: the hub `shop` has it below `/h/shop`.
    Hub,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, also without a token.
    Everybody,
    /// Whoever bears a token with one of these roles.
    Roles(&'static [Role]),
    /// As [`Access::Roles`], also by a ticket.
    RolesOrTicket(&'static [Role]),
}

impl Access {
    /// Returns the roles that may use it; all where nobody is asked.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Everybody => &Role::ALL,
            Self::Roles(roles) | Self::RolesOrTicket(roles) => roles,
        }
    }
}

/// How long a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As long as its work.
    Works,
    /// It may wait for changes.
    Waits,
}
