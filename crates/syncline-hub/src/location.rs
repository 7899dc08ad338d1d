//! Where the files of a domain are, and where they were when what it holds was noted.
//!
//! What a domain is known to hold is known of a file. The same name of a domain may lead to another
//! folder tomorrow, by a changed configuration or by a link: what is missing there was deleted by
//! nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syncline_domains::files::disk::{Disk, Place};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{DomainName, EntityName, RunId};
use syncline_model::json::{Json, Object, parse};

use crate::error::HubError;
use crate::hub::Hub;
use crate::view::View;

/// The member of a stored location that holds the folder.
const FOLDER: &str = "folder";
/// The member that holds the folder as it is named from beside the state.
const BESIDE_STATE: &str = "besideState";
/// The member that holds the name of the file.
const FILE: &str = "file";
/// The member that holds where a file that is a link leads, as a path.
const LEADS_TO: &str = "leadsTo";
/// The member that holds that path as it is named from beside the state.
const LEADS_BESIDE_STATE: &str = "leadsToBesideState";
/// The member that names the run that met the file there first.
const MET_BY: &str = "metBy";
/// The member that holds where it was before that run.
const FORMER: &str = "former";

/// Where the file of an entity is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    folder: Spot,
    /// The name of the file in the folder.
    file: String,
    /// Where that name leads if it is a symbolic link, or in a folder that is one: to a file that may
    /// be anywhere.
    leads_to: Option<Spot>,
}

/// A folder or a file, without symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) path: String,
    /// The path as it is named from the folder that holds the state, if it lies within that: it stays
    /// the same where a project is moved as a whole.
    pub(crate) beside_state: Option<String>,
}

/// The locations of a domain's files, by entity.
type Locations = BTreeMap<EntityName, Noted>;

/// A location as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    location: Location,
    /// The run that met the file there, and where it was before, if it ever was anywhere else: an undo
    /// of that run leads back there.
    former: Option<(String, Location)>,
}

/// A file that is somewhere else than when it was last synchronised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// Where it was: its folder, or the whole path if its name is another or a symbolic link.
    pub from: String,
    /// Where it is, in the same way.
    pub to: String,
}

impl Spot {
    fn new(path: &Path, project: &Path) -> Self {
        let inside = path.strip_prefix(project).ok();
        Self {
            path: path.to_string_lossy().into_owned(),
            beside_state: inside.map(|inside| inside.to_string_lossy().into_owned()),
        }
    }

    /// Returns whether this is the same as a former one. A project that was moved together with its
    /// state has left nothing behind: where the former one is still there, it is another one.
    pub(crate) fn is_same(&self, former: &Self, disk: &dyn Disk) -> bool {
        let is_left = || matches!(disk.place(Path::new(&former.path)), Ok(Place::Found(_)));
        let is_beside = self.beside_state.is_some() && self.beside_state == former.beside_state;
        self.path == former.path || (is_beside && !is_left())
    }

    fn to_json(&self, [path, beside_state]: [&str; 2], object: &mut Object) {
        object.insert(path, self.path.as_str());
        if let Some(inside) = &self.beside_state {
            object.insert(beside_state, inside.as_str());
        }
    }

    fn from_json(object: &Object, [path, beside_state]: [&str; 2]) -> Option<Self> {
        let text = |member| object.get(member).and_then(Json::as_str).map(str::to_owned);
        Some(Self { path: text(path)?, beside_state: text(beside_state) })
    }
}

impl Location {
    fn new(view: &View<'_>, folder: &Path, file: &str) -> Self {
        let real = |path: &Path| match view.disk.place(path) {
            Ok(Place::Found(found)) => found,
            _ => path.to_owned(),
        };
        let folder = real(folder);
        let project = match view.state_folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let project = real(project);
        let named = folder.join(file);
        // A file that is missing is where it is to be; of a link that leads nowhere nothing is read.
        let leads_to = match view.disk.place(&named) {
            Ok(Place::Found(found) | Place::Missing(found)) if found != named => {
                Some(Spot::new(&found, &project))
            }
            _ => None,
        };
        Self { folder: Spot::new(&folder, &project), file: file.to_owned(), leads_to }
    }

    /// Returns where the file itself is.
    pub(crate) fn of_file(&self) -> Spot {
        let inside = |folder: &String| match folder.as_str() {
            "" => self.file.clone(),
            folder => format!("{folder}/{}", self.file),
        };
        self.leads_to.clone().unwrap_or_else(|| Spot {
            path: inside(&self.folder.path),
            beside_state: self.folder.beside_state.as_ref().map(inside),
        })
    }

    fn whole(&self) -> String {
        self.of_file().path
    }

    /// Returns the location as a digest of the rules takes it.
    pub(crate) fn to_text(&self) -> String {
        let leads_to = self.leads_to.iter().map(|spot| format!("\n{}", spot.path));
        format!("{}\n{}{}", self.folder.path, self.file, leads_to.collect::<String>())
    }

    /// Returns what is to be told if this is another location than an earlier one.
    fn moved_from(&self, former: &Self, disk: &dyn Disk) -> Option<Moved> {
        let is_same_folder = self.folder.is_same(&former.folder, disk);
        let is_same_file = match (&self.leads_to, &former.leads_to) {
            (Some(spot), Some(former)) => spot.is_same(former, disk),
            (None, None) => is_same_folder && self.file == former.file,
            _ => false,
        };
        // Two names may lead to one file.
        if is_same_file || self.whole() == former.whole() {
            return None;
        }
        Some(match is_same_folder || self.leads_to.is_some() || former.leads_to.is_some() {
            true => Moved { from: former.whole(), to: self.whole() },
            false => Moved { from: former.folder.path.clone(), to: self.folder.path.clone() },
        })
    }

    fn to_json(&self) -> Object {
        let mut object = Object::new();
        self.folder.to_json([FOLDER, BESIDE_STATE], &mut object);
        object.insert(FILE, self.file.as_str());
        if let Some(spot) = &self.leads_to {
            spot.to_json([LEADS_TO, LEADS_BESIDE_STATE], &mut object);
        }
        object
    }

    fn from_json(json: &Json) -> Option<Self> {
        let Json::Object(object) = json else { return None };
        let file = object.get(FILE).and_then(Json::as_str).map(str::to_owned)?;
        let folder = Spot::from_json(object, [FOLDER, BESIDE_STATE])?;
        let leads_to = Spot::from_json(object, [LEADS_TO, LEADS_BESIDE_STATE]);
        Some(Self { folder, file, leads_to })
    }
}

impl Noted {
    fn to_json(&self) -> Object {
        let mut object = self.location.to_json();
        if let Some((run, former)) = &self.former {
            object.insert(MET_BY, run.as_str());
            object.insert(FORMER, former.to_json());
        }
        object
    }

    fn from_json(json: &Json) -> Option<Self> {
        let Json::Object(object) = json else { return None };
        let run = object.get(MET_BY).and_then(Json::as_str).map(str::to_owned);
        let former = object.get(FORMER).and_then(Location::from_json);
        Some(Self { location: Location::from_json(json)?, former: run.zip(former) })
    }
}

impl View<'_> {
    /// Returns where the file of an entity is, in a folder.
    pub(crate) fn location(&self, folder: &Path, file: &str) -> Location {
        Location::new(self, folder, file)
    }

    /// Returns what is to be told of a file that is not where it was when what the domain holds was
    /// noted; nothing if that was never noted.
    pub(crate) fn moved(
        &self,
        domain: &DomainName,
        entity: &EntityName,
        location: &Location,
    ) -> Result<Option<Moved>, HubError> {
        let known = self.locations(domain)?;
        let former = known.get(entity).filter(|_| !is_planted(Fault::MoveNotSeen));
        Ok(former.and_then(|former| location.moved_from(&former.location, self.disk)))
    }

    /// Notes where a run found files of a domain, if that is not what is stored.
    pub(crate) fn put_locations(
        &self,
        domain: &DomainName,
        run: &RunId,
        found: impl Iterator<Item = (EntityName, Location)>,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let mut locations = self.locations(domain)?;
        let mut is_new = false;
        for (entity, location) in found {
            let known = locations.get(&entity).map(|noted| noted.location.clone());
            if known.as_ref() != Some(&location) {
                is_new = true;
                let former = known.map(|known| (run.as_str().to_owned(), known));
                locations.insert(entity, Noted { location, former });
            }
        }
        if is_new {
            put(domain, &locations, batch);
        }
        Ok(())
    }

    /// Takes back that a run met files of a domain somewhere else: the next run meets them there for
    /// the first time, again.
    pub(crate) fn put_back_locations(
        &self,
        domain: &DomainName,
        run: &RunId,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let mut locations = self.locations(domain)?;
        let is_by_run = |noted: &Noted| {
            noted.former.as_ref().is_some_and(|(met_by, _)| met_by.as_str() == run.as_str())
        };
        if !locations.values().any(is_by_run) {
            return Ok(());
        }
        for noted in locations.values_mut().filter(|noted| is_by_run(noted)) {
            if let Some((_, former)) = noted.former.take() {
                noted.location = former;
            }
        }
        put(domain, &locations, batch);
        Ok(())
    }

    /// Returns the domains of which a run after `run` has met files somewhere else than one before.
    pub(crate) fn moved_since(&self, run: &RunId) -> Result<BTreeSet<DomainName>, HubError> {
        let mut domains = BTreeSet::new();
        self.for_each(&Scan::Domains, |key, _| {
            if let Key::Domain { domain, entity: None } = key {
                domains.insert(domain.clone());
            }
            Ok(())
        })?;
        let mut moved = BTreeSet::new();
        for domain in domains {
            let locations = self.locations(&domain)?;
            let mut met_by = locations.values().filter_map(|noted| noted.former.as_ref());
            if met_by.any(|(met_by, _)| met_by.as_str() > run.as_str()) {
                moved.insert(domain);
            }
        }
        Ok(moved)
    }

    fn locations(&self, domain: &DomainName) -> Result<Locations, HubError> {
        let damaged = || HubError::Row { table: "domains" };
        let key = Key::Domain { domain: domain.clone(), entity: None };
        let Some(row) = self.rows.get(&key)? else { return Ok(Locations::new()) };
        let Ok(Json::Object(object)) = parse(&row) else { return Err(damaged()) };
        let mut locations = Locations::new();
        for (name, json) in object.iter() {
            let entity = EntityName::new(name).map_err(|_| damaged())?;
            locations.insert(entity, Noted::from_json(json).ok_or_else(damaged)?);
        }
        Ok(locations)
    }
}

fn put(domain: &DomainName, locations: &Locations, batch: &mut Batch) {
    let mut object = Object::new();
    for (entity, noted) in locations {
        object.insert(entity.as_str(), noted.to_json());
    }
    let row = Json::Object(object).to_compact_string().into_bytes();
    batch.put(Key::Domain { domain: domain.clone(), entity: None }, row);
}

impl Hub {
    /// Returns where the file of an entity was and is, if a domain is somewhere else than when it was
    /// last synchronised. The next run deletes nothing because of what is missing there.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if what is stored of the domain is damaged.
    pub fn moved(
        &self,
        domain: &DomainName,
        folder: &Path,
        entity: &EntityName,
        file: &str,
    ) -> Result<Option<Moved>, HubError> {
        let view = self.view();
        view.moved(domain, entity, &view.location(folder, file))
    }
}
