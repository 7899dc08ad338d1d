//! Who may see and write which notes, and what of it a client follows.
//!
//! Every note belongs to a team. Members see and write those of their own team, and none of their
//! budgets; chiefs see and write everything. What the product is told of this are filters and patterns of
//! fields; what [`Rights::sees`] and [`Rights::shows`] say is written down a second time, in plain words.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object};
use syncline_model::path::Pattern;
use syncline_policy::view::{
    Access, AccessRule, BoundView, Filter, FollowError, Parameter, Permit, Sight, View,
};
use syncline_protocol::message::{Follow, NamedView};

use crate::random::Random;
use crate::schema::{Schema, field};

/// Teams that notes and members belong to.
pub(super) const TEAMS: [&str; 2] = ["red", "blue"];
/// States of a note.
pub(super) const STATES: [&str; 3] = ["open", "late", "done"];
/// The view of the notes in a state.
pub(super) const VIEW: &str = "of-a-state";
/// Fields of a note.
pub(super) const TEAM: &str = "/team";
pub(super) const STATE: &str = "/state";
/// Only chiefs see it.
pub(super) const BUDGET: &str = "/budget";
/// Members see it where the hub is configured so.
pub(super) const PLACE: &str = "/place";

/// What a hub is configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Everybody may do everything.
    None,
    /// There are teams; perhaps their members see places.
    Teams { shows_places: bool },
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// Everything.
    Chief,
    /// See and write the notes of a team.
    Member { team: &'static str },
}

/// A note as it is: its fields and their values.
pub(super) type Note = BTreeMap<String, String>;

/// Whom the same is shown: rights under rules.
pub(super) type Class = (Rights, bool);

impl Rules {
    /// Returns whom the same is shown.
    pub(super) fn class(self, rights: Rights) -> Class {
        match (self, rights) {
            (Self::None, _) | (_, Rights::Chief) => (Rights::Chief, true),
            (Self::Teams { shows_places }, rights) => (rights, shows_places),
        }
    }

    /// Returns the same with another answer about places.
    pub(super) const fn turned(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Teams { shows_places } => Self::Teams { shows_places: !shows_places },
        }
    }

    fn access(self, schema: &Schema) -> Access {
        let filter = |text: &str| Filter::compile(text).expect("invariant: this is a filter");
        let view = View {
            entity: schema.notes.clone(),
            filter: filter("record.state == params.state"),
            fields: None,
            params: BTreeMap::from([("state".into(), Parameter::Text)]),
        };
        let views = BTreeMap::from([(VIEW.into(), view)]);
        let Self::Teams { shows_places } = self else { return Access { views, rules: Vec::new() } };
        let rule = |role: &str, entities: Option<Vec<EntityName>>, read: &str| AccessRule {
            roles: vec![role.into()],
            entities,
            read: Some(filter(read)),
            read_fields: None,
            write: Some(filter(read)),
            write_fields: None,
            create: true,
            delete: true,
        };
        let places = shows_places.then_some(PLACE);
        let open = [TEAM, STATE, field::TITLE, field::VIEWS, field::TAGS].into_iter().chain(places);
        let open = open.map(|path| Pattern::parse(path).expect("invariant: this is a pattern"));
        let open: Vec<Pattern> = open.collect();
        let of_team = AccessRule {
            read_fields: Some(open.clone()),
            write_fields: Some(open),
            ..rule("client", Some(vec![schema.notes.clone()]), "record.team == claims.team")
        };
        let rules =
            vec![rule("client", Some(schema.all()), "true"), of_team, rule("admin", None, "true")];
        Access { views, rules }
    }
}

impl Rights {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.pick(&TEAMS).filter(|_| random.chance(700)) {
            Some(team) => Self::Member { team },
            None => Self::Chief,
        }
    }

    /// Returns whether a note is seen.
    pub(super) fn sees(self, note: &Note) -> bool {
        match self {
            Self::Chief => true,
            Self::Member { team } => note.get(TEAM) == Some(&quoted(team)),
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Chief => "admin",
            Self::Member { .. } => "client",
        }
    }

    fn claims(self) -> Object {
        let mut claims = Object::new();
        if let Self::Member { team } = self {
            claims.insert("team", Json::from(team));
        }
        claims
    }
}

/// Returns whether a field of a note that is seen is seen.
pub(super) fn shows((rights, shows_places): Class, path: &str) -> bool {
    match rights {
        Rights::Chief => true,
        Rights::Member { .. } => path != BUDGET && (path != PLACE || shows_places),
    }
}

/// Returns a text as it stands in JSON.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// What a hub says to the holder of a token: as `syncline-server` does.
pub(super) struct Desk {
    access: Access,
    permit: Arc<Permit>,
    claims: Object,
}

impl Desk {
    pub(super) fn new(rules: Rules, rights: Rights, schema: &Schema) -> Self {
        let (access, claims) = (rules.access(schema), rights.claims());
        let permit = Arc::new(access.permit(rights.role(), &claims));
        Self { access, permit, claims }
    }

    /// Returns what is told of one thing that is followed.
    pub(super) fn told(&self, follow: &Follow) -> Result<Sight, FollowError> {
        let permit = Arc::clone(&self.permit);
        Ok(match self.bound(follow)? {
            Some(view) => Sight::of_view(permit, view),
            None => Sight::of_entities(permit, &follow.entities),
        })
    }

    /// Returns what the results of operations tell.
    pub(super) fn results(&self, follows: &[Follow]) -> Result<Arc<Sight>, FollowError> {
        let (mut views, mut entities) = (Vec::new(), None::<Vec<EntityName>>);
        for follow in follows {
            match self.bound(follow)? {
                Some(view) => views.push(view),
                None => {
                    entities.get_or_insert_default().extend(follow.entities.iter().cloned());
                }
            }
        }
        let permit = Arc::clone(&self.permit);
        Ok(Arc::new(Sight::of_client(permit, views, entities.as_deref())?))
    }

    fn bound(&self, follow: &Follow) -> Result<Option<Arc<BoundView>>, FollowError> {
        let Some(NamedView { name, params }) = follow.view.as_deref() else { return Ok(None) };
        self.access.view(name, &self.claims, params).map(Some)
    }
}

/// What of the notes a client follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotesFollowed {
    /// All that it may see.
    All,
    /// Those in the first so many states, a view for each.
    InStates(usize),
}

impl NotesFollowed {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(3) {
            0 => Self::All,
            1 => Self::InStates(1),
            _ => Self::InStates(2),
        }
    }

    /// Returns the states that have a view of their own.
    pub(super) fn states(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::InStates(count) => STATES.get(..count).unwrap_or(&STATES),
        }
    }

    /// Returns whether a note is followed.
    pub(super) fn takes(self, note: &Note) -> bool {
        let is_in = |state: &&str| note.get(STATE) == Some(&quoted(state));
        self == Self::All || self.states().iter().any(is_in)
    }
}
