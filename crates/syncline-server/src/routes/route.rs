//! What is said of a route.

use std::pin::Pin;

use super::answer::Answer;
use crate::access::Role;
use crate::asked::Asked;

/// What carries a request out.
pub(crate) type Handler = fn(Asked) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One route.
#[derive(Clone, Copy)]
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
    /// What may stand behind `?`.
    pub query: &'static [Parameter],
    /// The headers that it heeds, besides those that every route does.
    pub headers: &'static [Parameter],
    /// The kinds of body that it takes; none if it takes no body.
    pub bodies: &'static [Media],
    /// The answers that are no problem.
    pub answers: &'static [Success],
    /// Statuses of problems that only this route has; those that every route has are not named.
    pub problems: &'static [u16],
    /// What an answer tells that other routes ask for.
    pub links: &'static [Link],
    /// Whether it may wait for changes, and so counts for no work.
    pub(crate) pace: Pace,
    /// What it shows of the records.
    pub shows: Shows,
    pub(crate) handler: Handler,
}

/// What a route shows of the records, and so for whom it is where there are rules of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Nothing of them: no id, no name of a field, no value. Names of entities and counts are nothing
    /// of a record.
    Nothing,
    /// Only what whoever asks may see.
    InSight,
    /// Whatever there is: it is refused to those from whom something is kept.
    Everything,
}

impl Route {
    /// Returns the statuses of the problems that it may answer, rising.
    pub fn problem_statuses(&self) -> Vec<u16> {
        let mut statuses = vec![400, 500, 503];
        if self.access != Access::Everybody {
            statuses.extend([401, 403, 429]);
        }
        if !self.bodies.is_empty() {
            statuses.extend([413, 415]);
        }
        statuses.extend(self.problems);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    /// Returns whether it is described that it may answer so.
    pub fn may_answer(&self, status: u16) -> bool {
        self.answers.iter().any(|answer| answer.status == status)
            || self.problem_statuses().contains(&status)
    }
}

/// What a request may say beside its path and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The name of its schema.
    pub schema: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its media type.
    pub media_type: &'static str,
    /// The name of its schema.
    pub schema: &'static str,
}

impl Media {
    /// Returns JSON of a schema.
    pub(crate) const fn json(schema: &'static str) -> Self {
        Self { media_type: "application/json", schema }
    }
}

/// An answer that is no problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// Its status.
    pub status: u16,
    /// When it is given, where the route has several.
    pub about: &'static str,
    /// Its body; `None` for an empty one.
    pub content: Option<Media>,
    /// The headers that only this answer has, of those that the description knows.
    pub headers: &'static [&'static str],
}

impl Success {
    /// Returns an answer with a body.
    pub(crate) const fn with(status: u16, content: Media) -> Self {
        Self { status, about: "", content: Some(content), headers: &[] }
    }

    /// Returns an answer with JSON of a schema.
    pub(crate) const fn json(status: u16, schema: &'static str) -> Self {
        Self::with(status, Media::json(schema))
    }

    /// Returns an answer without a body.
    pub(crate) const fn empty(status: u16) -> Self {
        Self { status, about: "", content: None, headers: &[] }
    }
}

/// What an answer tells that another route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name of the other route.
    pub route: &'static str,
    /// Its parameters, each with where the value stands: `$response.body#/id`, `$request.path.id`.
    pub parameters: &'static [(&'static str, &'static str)],
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
    /// Whoever has signed the body with a secret of the receiver that the path names.
    Signed,
    /// Whoever knows the secret of cron jobs.
    Cron,
    /// As [`Access::Roles`], also who is signed in as an admin of the application that the environment names.
    RolesOrSignIn(&'static [Role]),
    /// As [`Access::Roles`], also by a ticket.
    RolesOrTicket(&'static [Role]),
}

impl Access {
    /// Returns the roles that may use it; all where nobody is asked.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Everybody | Self::Signed | Self::Cron => &Role::ALL,
            Self::Roles(roles) | Self::RolesOrTicket(roles) | Self::RolesOrSignIn(roles) => roles,
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
