//! The two files of spec 001, `cross_domain_config.json` and `entity_mappings.json`.
//!
//! Spec 001 names them and does not give their content. This is the natural reading: members in
//! camelCase or snake_case, domains as a table or a list, fields by name (`phone`, `address.city`)
//! or by pointer. They become the same document as `syncline.toml`, and whatever is not understood
//! is refused. `docs/guide/configuration.md` lists every member.

mod spelling;

use syncline_policy::EVERYBODY;

use super::document::{
    ConditionText, Document, DomainText, EntityText, FieldPolicyText, FieldText, LinkText,
    NumberOrText, Ordered, PermissionText, PolicyText, ScalarText,
};
use super::error::{At, Refusal};
use super::resolve::{DOMAINS, ENTITIES, folder};
use spelling::{CrossDomain, DomainSpec, EntitySpec, Fields, LimitsSpec, Mappings, NewName};
use spelling::{PolicySpec, Rights};

/// Why one of the two files was refused.
pub(super) enum Problem {
    /// It is not JSON, or has a member that is not known.
    Json(serde_json::Error),
    /// It says something that has no meaning.
    Refused(Box<Refusal>),
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Reads `cross_domain_config.json` into `document`.
pub(super) fn read_domains(text: &str, document: &mut Document) -> Result<(), Problem> {
    let CrossDomain { domains, entities, permissions, limits, sync, data_path, .. } =
        serde_json::from_str(text)?;
    let base = data_path.unwrap_or_else(|| "data".into());
    let mut of_everybody = Vec::new();
    for (name, spec) in domains.0 {
        let at = At::new("domains").key(&name);
        let path = spec.path.clone().unwrap_or_else(|| base.join(&name));
        let grants = (&mut document.permissions, &mut of_everybody);
        let domain = domain(&name, spec, path, &at, grants)?;
        document.domains.0.push((name, domain));
    }
    if document.domains.is_empty() {
        document.domains = Ordered(DOMAINS.map(|name| (name.to_owned(), folder(name))).into());
        for (name, domain) in &mut document.domains.0 {
            domain.path = base.join(name);
        }
    }
    for name in entities.into_iter().flatten() {
        document.entities.0.push((name, EntityText::default()));
    }
    for (user, domains) in permissions.0 {
        for (domain, allow) in domains.0 {
            let (user, domain) = (user.clone(), Some(domain));
            document.permissions.push(PermissionText { user, domain, entities: None, allow });
        }
    }
    // While nobody is named everything is allowed; a grant, be it to all, would end that.
    if !document.permissions.is_empty() {
        document.permissions.append(&mut of_everybody);
    }
    limits_of(&limits, document);
    let on_conflict = sync.conflict_resolution.as_deref().map(preference).transpose()?;
    let names: Vec<_> = document.domains.iter().map(|(name, _)| name.to_owned()).collect();
    for (index, source) in names.iter().enumerate() {
        for target in names.iter().skip(index + 1) {
            let link = LinkText {
                source: source.clone(),
                target: target.clone(),
                entities: None,
                direction: sync.direction.clone(),
                on_conflict: on_conflict.map(str::to_owned),
                fields_first: true,
                filter: Vec::new(),
            };
            document.links.0.push((format!("{source}-{target}"), link));
        }
    }
    Ok(())
}

fn domain(
    name: &str,
    spec: DomainSpec,
    path: std::path::PathBuf,
    at: &At,
    (permissions, of_everybody): (&mut Vec<PermissionText>, &mut Vec<PermissionText>),
) -> Result<DomainText, Refusal> {
    let mut writable = !spec.read_only;
    match spec.permissions {
        None => {}
        Some(Rights::Everybody(allow)) => {
            let known = |word: &String| word == "read" || word == "write";
            if !allow.iter().all(known) || !allow.iter().any(|word| word == "read") {
                let why = "a domain that may not be read cannot be synchronised";
                let next = "list `read`, or `read` and `write`";
                return Err(Refusal::new(at.key("permissions"), "is not understood", why, next));
            }
            writable &= allow.iter().any(|word| word == "write");
            let (user, domain) = (EVERYBODY.to_owned(), Some(name.to_owned()));
            of_everybody.push(PermissionText { user, domain, entities: None, allow });
        }
        Some(Rights::Users(users)) => {
            for (user, allow) in users.0 {
                let domain = Some(name.to_owned());
                permissions.push(PermissionText { user, domain, entities: None, allow });
            }
        }
    }
    Ok(DomainText { path, writable, policy: policy(spec.policy), ..folder(name) })
}

fn policy(spec: PolicySpec) -> PolicyText {
    let mut fields = Vec::new();
    let lists = [
        ("deny", spec.deny),
        ("mask", spec.mask),
        ("out_only", spec.out_only),
        ("in_only", spec.in_only),
        ("allow", spec.allow),
    ];
    for (action, listed) in lists {
        for (entity, names) in match listed {
            Fields::OfAll(names) => vec![(None, names)],
            Fields::ByEntity(by) => by.0.into_iter().map(|(name, f)| (Some(name), f)).collect(),
        } {
            let action = action.to_owned();
            fields.extend(names.iter().map(|name| FieldPolicyText {
                entity: entity.clone(),
                path: pointer(name),
                action: action.clone(),
            }));
        }
    }
    let categories = spec.exclude_categories.into_iter().map(ScalarText::Text).collect::<Vec<_>>();
    let records = (!categories.is_empty()).then(|| ConditionText {
        entity: None,
        path: "/category".to_owned(),
        equals: None,
        one_of: Some(categories),
    });
    let records = records.into_iter().collect();
    PolicyText { default: spec.default, mask: spec.mask_text, fields, records }
}

fn limits_of(spec: &LimitsSpec, document: &mut Document) {
    let limits = &mut document.limits;
    limits.items_per_entity = spec.max_items_per_entity;
    limits.bytes_per_run = spec.max_total_size_mb.map(|mb| NumberOrText::Text(format!("{mb}MB")));
    let minutes = spec.timeout_minutes.map(|minutes| format!("{minutes}m"));
    limits.run_time = minutes.or(spec.timeout_seconds.map(|seconds| format!("{seconds}s")));
}

/// Returns our word for a preference; spec 001 writes "source data always wins".
fn preference(word: &str) -> Result<&'static str, Refusal> {
    let plain: String =
        word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    Ok(match plain.as_str() {
        "source" | "sourcewins" | "sourcepriority" => "source",
        "target" | "targetwins" => "target",
        "newer" | "latest" | "latesttimestamp" | "lastwritewins" => "newer",
        "review" | "manual" | "manualreview" => "review",
        "merge" | "fieldlevelmerge" => "merge",
        _ => {
            let at = At::new("sync").key("conflictResolution");
            let why = "a word that is not understood is never guessed";
            let next = "use one of: source, target, newer, review, merge";
            return Err(Refusal::new(at, "unknown preference", why, next));
        }
    })
}

/// Reads `entity_mappings.json` into `document`.
pub(super) fn read_mappings(text: &str, document: &mut Document) -> Result<(), Problem> {
    let Mappings(entities) = serde_json::from_str(text)?;
    if document.domains.is_empty() {
        document.domains = Ordered(DOMAINS.map(|name| (name.to_owned(), folder(name))).into());
    }
    if document.entities.is_empty() {
        let standard = ENTITIES.map(|name| (name.to_owned(), EntityText::default()));
        document.entities = Ordered(standard.into());
    }
    for (name, spec) in entities.0 {
        mapping(name, spec, document)?;
    }
    Ok(())
}

fn mapping(name: String, spec: EntitySpec, document: &mut Document) -> Result<(), Refusal> {
    let at = At::new("entities").key(&name);
    for (hub, new_name) in spec.field_mappings.0 {
        let at = at.key("fieldMappings").key(&hub);
        let renamed = match new_name {
            NewName::InBusiness(new_name) => vec![(business(document, &at)?, new_name)],
            NewName::ByDomain(names) => names.0,
        };
        for (domain, new_name) in renamed {
            rename(document, &at, &domain, &name, &hub, &new_name)?;
        }
    }
    let fields = spec.merge_rules.0.into_iter();
    let fields = fields.map(|(field, rule)| (pointer(&field), FieldText::Word(rule))).collect();
    let entity = EntityText {
        file: spec.file,
        id: spec.id_field.as_deref().map(pointer),
        time: spec.timestamp_field.as_deref().map(pointer),
        identify: None,
        deletion: None,
        fields: Ordered(fields),
    };
    match document.entities.0.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = entity,
        None => document.entities.0.push((name, entity)),
    }
    Ok(())
}

/// Returns the domain whose names a plain mapping gives: `business`, or the second of two.
fn business(document: &Document, at: &At) -> Result<String, Refusal> {
    let names: Vec<&str> = document.domains.iter().map(|(name, _)| name).collect();
    let named = names.iter().find(|name| **name == "business").copied();
    let second = match names.as_slice() {
        [_, second] => Some(*second),
        _ => None,
    };
    named.or(second).map(str::to_owned).ok_or_else(|| {
        let why =
            "with other domains than personal and business a new name must say where it holds";
        let next = "write `{\"phone\": {\"<domain>\": \"workPhone\"}}`";
        Refusal::new(at.clone(), "does not name a domain", why, next)
    })
}

fn rename(
    document: &mut Document,
    at: &At,
    domain: &str,
    entity: &str,
    hub: &str,
    new_name: &str,
) -> Result<(), Refusal> {
    let Some((_, found)) = document.domains.0.iter_mut().find(|(name, _)| name == domain) else {
        let why = "a name that is defined nowhere would silently mean nothing";
        return Err(Refusal::new(at.clone(), "names no known domain", why, "use a known domain"));
    };
    let pair = (pointer(hub), pointer(new_name));
    match found.rename.0.iter_mut().find(|(name, _)| name == entity) {
        Some((_, pairs)) => pairs.0.push(pair),
        None => found.rename.0.push((entity.to_owned(), Ordered(vec![pair]))),
    }
    Ok(())
}

/// Returns the pointer of a field: `address.city` is `/address/city`, a pointer is itself.
fn pointer(name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    name.split('.').map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}
