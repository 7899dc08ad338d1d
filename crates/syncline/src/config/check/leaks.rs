//! Leaks around a policy: what one domain does not get, and what reaches a domain behind it.
//!
//! The hub holds one record for all domains. A gate decides what one domain shows and takes; it does
//! not keep the record from other domains. So whoever may not have a field has to stand at the rim:
//! what lies on either side of it would meet in the hub all the same.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::id::DomainName;

use super::super::error::At;
use super::super::settings::{Config, Domain, Entity, Filter, Link};
use super::finding::{Fault, Findings};
use super::strictness::{Closing, lacking};

const WHY: &str = "the hub holds one record for all domains: what one of them keeps back still \
                   reaches those that share the hub";

/// Reports the leaks of these entities.
///
/// Which way a link flows does not count: it may be turned for a single run.
pub(super) fn check<'c>(
    config: &Config,
    entities: impl Iterator<Item = &'c Entity>,
    findings: &mut Findings<'_>,
) {
    for entity in entities {
        let net = Net::of(config, entity);
        apart(&net, findings);
        for domain in &config.domains {
            around(&net, domain, findings);
        }
    }
}

/// The links that carry one entity.
struct Net<'c> {
    config: &'c Config,
    entity: &'c Entity,
    links: Vec<&'c Link>,
}

/// Domains that links join.
type Part<'c> = BTreeSet<&'c DomainName>;

impl<'c> Net<'c> {
    fn of(config: &'c Config, entity: &'c Entity) -> Self {
        let links = config.links.iter().filter(|link| link.entities.contains(&entity.name));
        Self { config, entity, links: links.collect() }
    }

    /// Returns the parts in which these domains are, by these links.
    fn parts(
        links: &[&'c Link],
        domains: impl IntoIterator<Item = &'c DomainName>,
    ) -> Vec<Part<'c>> {
        let mut parts: Vec<Part<'c>> = Vec::new();
        for domain in domains {
            if !parts.iter().any(|part| part.contains(domain)) {
                parts.push(reached(links, domain));
            }
        }
        parts
    }

    /// Returns the parts beside a domain: its neighbours, and whom else links join with them.
    ///
    /// A link with a filter joins only for records that meet it. It counts where the links of the
    /// domain let no other records through either.
    fn parts_beside(&self, domain: &DomainName) -> Vec<Part<'c>> {
        let (own, others): (Vec<&Link>, Vec<&Link>) =
            self.links.iter().partition(|link| ends(link).contains(&domain));
        let is_met = |filter: &Filter| own.iter().all(|link| link.filter.contains(filter));
        let concerns = |filter: &&Filter| {
            filter.entity.as_ref().is_none_or(|entity| *entity == self.entity.name)
        };
        let joining: Vec<&Link> = others
            .into_iter()
            .filter(|link| link.filter.iter().filter(concerns).all(is_met))
            .collect();
        let neighbours = own.iter().flat_map(|link| ends(link));
        Self::parts(&joining, neighbours.filter(|neighbour| *neighbour != domain))
    }
}

fn ends(link: &Link) -> [&DomainName; 2] {
    [&link.source, &link.target]
}

/// Returns a domain and all that links join with it.
fn reached<'c>(links: &[&'c Link], start: &'c DomainName) -> Part<'c> {
    let (mut part, mut ahead) = (Part::from([start]), vec![start]);
    while let Some(domain) = ahead.pop() {
        for ends in links.iter().map(|link| ends(link)).filter(|ends| ends.contains(&domain)) {
            ahead.extend(ends.into_iter().filter(|end| part.insert(end)));
        }
    }
    part
}

/// Reports links of an entity that no chain of links joins.
fn apart(net: &Net<'_>, findings: &mut Findings<'_>) {
    let domains = net.links.iter().flat_map(|link| ends(link));
    let parts = Net::parts(&net.links, domains);
    if let [first, second, ..] = parts.as_slice() {
        let what = format!(
            "carry `{}` between {}, and between {}, and nothing joins these",
            net.entity.name,
            list(first),
            list(second)
        );
        let mend =
            "give each group a configuration and a `state` of its own, or join them by a link";
        findings.add(Fault::LinksLeak, &At::new("links"), what, WHY, mend);
    }
}

/// Reports rules of a domain that would be walked around: without it, several parts are left, and
/// more than one of them holds a domain without such a rule.
fn around(net: &Net<'_>, domain: &Domain, findings: &mut Findings<'_>) {
    let parts = net.parts_beside(&domain.name);
    if parts.len() < 2 {
        return;
    }
    let mut open: BTreeMap<Closing, Vec<Vec<&DomainName>>> = BTreeMap::new();
    for part in parts {
        let mut of_part: BTreeMap<Closing, Vec<&DomainName>> = BTreeMap::new();
        for other in part.iter().filter_map(|name| net.config.domain(name.as_str())) {
            for closing in lacking(other, domain, net.entity) {
                of_part.entry(closing).or_default().push(&other.name);
            }
        }
        for (closing, domains) in of_part {
            open.entry(closing).or_default().push(domains);
        }
    }
    for (closing, parts) in open {
        let [first, .., last] = parts.as_slice() else { continue };
        let at = At::new("domains").key(domain.name.as_str()).key("policy");
        let what = format!(
            "{} of `{}`, which {} and {} do not, and no link joins these but by `{}`",
            closing.what,
            net.entity.name,
            list(first),
            list(last),
            domain.name
        );
        let mend = format!(
            "add {} to the policy of {}, or join these by a link",
            closing.rule,
            list(last)
        );
        findings.add(Fault::LinksLeak, &at, what, WHY, mend);
    }
}

/// Returns names in a row.
fn list<'n>(names: impl IntoIterator<Item = &'n &'n DomainName>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
