//! Links: domains and entities that none joins, mirrors without a guard, targets that are read-only.

use syncline_model::id::EntityName;
use syncline_policy::{Access, Crossing, Direction as Way};

use super::super::error::At;
use super::super::settings::{Config, Deletion, Direction, Domain, Entity, Link, OnConflict, Rule};
use super::finding::{Fault, Findings};
use super::places::writes_into;

/// A guard that lets this share of a side be deleted guards nothing.
const UNGUARDED_PERCENT: u8 = 100;

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    for domain in &config.domains {
        let mut links = config.links.iter();
        if !links.any(|link| link.source == domain.name || link.target == domain.name) {
            let at = At::new("domains").key(domain.name.as_str());
            let why = "nothing flows between it and the others";
            findings.add(
                Fault::DomainUnlinked,
                &at,
                "is in no link",
                why,
                "add a link, or leave it out",
            );
        }
    }
    for entity in &config.entities {
        if !config.links.iter().any(|link| link.entities.contains(&entity.name)) {
            let at = At::new("entities").key(entity.name.as_str());
            let why = "its records stay where they are";
            findings.add(Fault::EntityUnlinked, &at, "no link carries it", why, "add it to a link");
        }
    }
    for link in &config.links {
        let at = At::new("links").key(&link.name);
        mirror(config, link, &at, findings);
        read_only(config, link, &at, findings);
        permitted(config, link, &at, findings);
        untold(config, link, &at, findings);
        filtered(config, link, &at, findings);
        if link.on_conflict == Some(OnConflict::Newer) {
            timeless(config, link, &at, findings);
        }
    }
}

/// Reports entities whose links prefer domains to one another in a circle.
pub(super) fn preferences<'c>(
    config: &Config,
    entities: impl Iterator<Item = &'c Entity>,
    findings: &mut Findings<'_>,
) {
    for entity in entities {
        let mut links = config.links.iter().filter(|link| link.entities.contains(&entity.name));
        if let Some(link) = links.find(|link| config.preference(link, &entity.name).is_err()) {
            let what = format!("closes a circle of preferences in `{}`", entity.name);
            let why = "each domain would come before the next and the last before the first: a conflict \
                       would be settled otherwise by each link, for ever";
            let mend = "leave `on_conflict` out of one of these links, or turn it";
            let at = At::new("links").key(&link.name).key("on_conflict");
            findings.add(Fault::PreferencesCircle, &at, what, why, mend);
        }
    }
}

fn mirror(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    let guard = config.guard.max_delete;
    let is_open = guard.percent >= UNGUARDED_PERCENT || guard.count == u64::MAX;
    if link.direction != Direction::Bidirectional && is_open {
        let what = "mirrors one side onto the other, and `limits.max_delete` lets everything go";
        let why = "a broken export on one side would delete the other";
        let mend = "leave `max_delete` at its default; raise it by flag for the run that needs it";
        findings.add(Fault::MirrorUnguarded, &at.key("direction"), what, why, mend);
    }
}

fn read_only(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    for domain in config.domains.iter().filter(|domain| !domain.writable) {
        if writes_into(link, domain) {
            let what = format!("writes into `{}`, which has `writable = false`", domain.name);
            let why = "what the other side has never arrives there";
            let mend = "set a direction that leads away from it, or let it be written";
            findings.add(Fault::TargetReadOnly, &at.key("direction"), what, why, mend);
        }
    }
}

/// Reports a link that no user may run: it takes reading both sides and writing what it changes.
fn permitted(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    let permissions = &config.permissions;
    if permissions.is_open() {
        return;
    }
    let sides = config.domains.iter().filter(|d| d.name == link.source || d.name == link.target);
    let may = |user: &str| {
        link.entities.iter().any(|entity| {
            sides.clone().all(|domain| {
                let may = |access| permissions.judge(user, &domain.name, entity, access).is_ok();
                may(Access::Read) && (may(Access::Write) || !writes_into(link, domain))
            })
        })
    };
    if !permissions.users().any(|(user, _)| may(user)) {
        let what = "no user has the permissions that it needs";
        let why = "with permissions in the file, whatever is not granted is refused";
        let mend = "grant `read` on both domains, and `write` where it writes";
        findings.add(Fault::LinkUnusable, at, what, why, mend);
    }
}

/// Reports conflicts that wait for a person of whom nobody tells.
fn untold(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    if config.notify.is_set() {
        return;
    }
    let mut entities = config.entities.iter().filter(|entity| link.entities.contains(&entity.name));
    let waits = entities.any(|entity| {
        entity.deletion == Deletion::Review
            || entity.fields.iter().any(|of| of.rule == Rule::Review || !of.approval.is_empty())
    });
    if waits || link.on_conflict == Some(OnConflict::Review) {
        let what = "has conflicts that wait for review, and `notify` is not set";
        let why = "a conflict that nobody hears of waits for ever";
        let mend = "set `notify.command` or `notify.url`, or look at `syncline conflicts list`";
        findings.add(Fault::ReviewUntold, at, what, why, mend);
    }
}

/// Reports conditions on fields that one of the domains does not show, or does not take.
fn filtered(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    let sides = config.domains.iter().filter(|d| d.name == link.source || d.name == link.target);
    for (index, filter) in link.filter.iter().enumerate() {
        let of_filter = |name: &&EntityName| filter.entity.as_ref().is_none_or(|own| own == *name);
        let path = &filter.condition.path;
        let withholds = |domain: &&Domain| {
            link.entities.iter().filter(of_filter).any(|entity| {
                let gate = domain.policy.gate(entity);
                let passes = |way| gate.judge(path, way) == Crossing::Pass;
                !passes(Way::FromDomain) || !passes(Way::ToDomain)
            })
        };
        if let Some(domain) = sides.clone().find(withholds) {
            let what =
                format!("decides by {path}, which the policy of `{}` withholds", domain.name);
            let why = "nobody could tell there which records take part: no run begins";
            let mend = "allow the field there, or decide by another one";
            let at = at.key("filter").index(index);
            findings.add(Fault::FilterWithheld, &at, what, why, mend);
        }
    }
}

fn timeless(config: &Config, link: &Link, at: &At, findings: &mut Findings<'_>) {
    let timeless = |name: &&EntityName| {
        config.entity(name.as_str()).is_some_and(|entity| entity.time.is_none())
    };
    if let Some(entity) = link.entities.iter().find(timeless) {
        let what = format!("prefers the newer edit, and records of `{entity}` have no time");
        let why = "without a time of their own, concurrent values wait for a person";
        let mend = "set the entity's `time`, or use another preference";
        findings.add(Fault::TimeMissing, &at.key("on_conflict"), what, why, mend);
    }
}
