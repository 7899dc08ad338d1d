//! Whose value comes first where several links carry an entity.
//!
//! The hub holds one record for all domains, so all links of an entity must show the same of it: else
//! a domain of two links would be given one value by the one, another by the other, and so on for
//! ever. What the links say of two domains each is therefore put together into one order of all.

use syncline_model::id::{DomainName, EntityName};

use super::settings::{Config, Filter, Link, OnConflict};

/// Whose value comes first in an entity, and what decides among equals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Groups of domains, the preferred one first; nothing if all are equals.
    pub ranks: Vec<Vec<DomainName>>,
    /// What decides within a group: the rule of the field, the later edit, or a person.
    pub rest: OnConflict,
}

/// Links of one entity prefer each domain to the next and the last to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circle;

/// What is said of two domains: [`OnConflict::Source`] means that the first comes first.
type Said<'c> = ([&'c DomainName; 2], OnConflict);

impl Config {
    /// Returns the preference of an entity over a link, or nothing where no other link has a say: then
    /// the link alone decides.
    ///
    /// A preference of one link is kept; where links say nothing of two domains, or leave them to the
    /// rule of the field, they are equals as far as that fits; review anywhere is review for all.
    ///
    /// # Errors
    ///
    /// [`Circle`] if no order keeps all preferences.
    pub fn preference(
        &self,
        link: &Link,
        entity: &EntityName,
    ) -> Result<Option<Preference>, Circle> {
        let said = self.said(link, entity);
        if said.len() < 2 {
            return Ok(None);
        }
        let mut domains: Vec<&DomainName> = Vec::new();
        for domain in said.iter().flat_map(|(pair, _)| *pair) {
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        let number = |of: &DomainName| domains.iter().position(|known| **known == *of).unwrap_or(0);
        let mut before = Vec::new();
        let mut alike = Vec::new();
        for ([first, second], word) in &said {
            let [first, second] = [number(first), number(second)];
            match word {
                OnConflict::Source => before.push((first, second)),
                OnConflict::Target => before.push((second, first)),
                _ => alike.push((first, second)),
            }
        }
        let mut groups: Vec<usize> = (0..domains.len()).collect();
        let mut levels = levels(&groups, &before).ok_or(Circle)?;
        for (first, second) in alike {
            let (from, to) = (groups[second], groups[first]);
            let joined: Vec<usize> =
                groups.iter().map(|group| if *group == from { to } else { *group }).collect();
            if let Some(joined_levels) = self::levels(&joined, &before) {
                (groups, levels) = (joined, joined_levels);
            }
        }
        let count = levels.iter().max().map_or(0, |last| last + 1);
        let mut ranks = vec![Vec::new(); count];
        for (domain, group) in domains.iter().zip(&groups) {
            ranks[levels[*group]].push((*domain).clone());
        }
        ranks.retain(|rank| !rank.is_empty());
        if before.is_empty() {
            ranks.clear();
        }
        let is_said = |word| said.iter().any(|(_, said)| *said == word);
        let rest = match () {
            () if is_said(OnConflict::Review) => OnConflict::Review,
            () if is_said(OnConflict::Newer) && !is_said(OnConflict::Merge) => OnConflict::Newer,
            () => OnConflict::Merge,
        };
        Ok(Some(Preference { ranks, rest }))
    }

    /// Returns what the links of an entity say of two domains each, in their order.
    ///
    /// Links between the same two domains with other filters are about other records: such a one says
    /// nothing beside the link itself, and two of others that differ say nothing.
    fn said<'c>(&'c self, link: &'c Link, entity: &EntityName) -> Vec<Said<'c>> {
        let mut said: Vec<(Said<'c>, &[Filter])> = Vec::new();
        for other in self.links.iter().filter(|link| link.entities.contains(entity)) {
            let is_own = other.name == link.name;
            let other = if is_own { link } else { other };
            let pair = [&other.source, &other.target];
            let word = self.preferred(other).unwrap_or_default();
            let joins = |ends: [&DomainName; 2]| ends == pair || [ends[1], ends[0]] == pair;
            let is_apart = |filter: &[Filter]| {
                !filter.is_empty() && !other.filter.is_empty() && *filter != *other.filter
            };
            if joins([&link.source, &link.target]) {
                if is_own || !is_apart(&link.filter) {
                    said.push(((pair, word), &other.filter));
                }
                continue;
            }
            match said.iter_mut().find(|((known, _), filter)| joins(*known) && is_apart(filter)) {
                Some(((known, first), _)) => {
                    let word = if *known == pair { word } else { word.reversed() };
                    if *first != word {
                        *first = OnConflict::Merge;
                    }
                }
                None => said.push(((pair, word), &other.filter)),
            }
        }
        said.into_iter().map(|(said, _)| said).collect()
    }
}

/// Returns how far behind the first each group comes, by number; nothing if groups come before one
/// another in a circle.
fn levels(groups: &[usize], before: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut levels = vec![0; groups.len()];
    // No way without a circle has more steps than there are groups.
    for _ in 0..=groups.len() {
        let mut is_settled = true;
        for (first, second) in before {
            let (first, second) = (groups[*first], groups[*second]);
            if levels[second] <= levels[first] {
                levels[second] = levels[first] + 1;
                is_settled = false;
            }
        }
        if is_settled {
            return Some(levels);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Says whose value comes first over the first of some links: `p>b` prefers p, `p=b` nobody, `p?b`
    /// asks a person, `p~b` takes the newer; a number behind `:` is what the link's filter asks for.
    fn order(links: &[&str]) -> String {
        let mut text = String::from("[entities.contacts]\n");
        for name in ["p", "b", "t", "x"] {
            text.push_str(&format!("[domains.{name}]\npath = \"{name}\"\n"));
        }
        for (number, link) in links.iter().enumerate() {
            let (source, target) = (&link[..1], &link[2..3]);
            let word = match &link[1..2] {
                ">" => "source",
                "<" => "target",
                "?" => "review",
                "~" => "newer",
                _ => "merge",
            };
            text.push_str(&format!(
                "[links.l{number}]\nsource = \"{source}\"\ntarget = \"{target}\"\n\
                 on_conflict = \"{word}\"\n"
            ));
            if let Some((_, value)) = link.split_once(':') {
                text.push_str(&format!("filter = [{{ path = \"/f\", equals = {value} }}]\n"));
            }
        }
        let config = Config::parse(&text, Path::new("/base")).unwrap().config;
        let entity = EntityName::new("contacts").unwrap();
        let orders: Vec<String> = config
            .links
            .iter()
            .map(|link| match config.preference(link, &entity) {
                Err(Circle) => "circle".to_owned(),
                Ok(None) => "its own".to_owned(),
                Ok(Some(Preference { ranks, rest })) => {
                    let ranks: Vec<String> = ranks
                        .iter()
                        .map(|rank| {
                            let mut names: Vec<&str> =
                                rank.iter().map(DomainName::as_str).collect();
                            names.sort_unstable();
                            names.concat()
                        })
                        .collect();
                    format!("{} {rest:?}", ranks.join(">"))
                }
            })
            .collect();
        assert!(orders.iter().all(|order| *order == orders[0]), "{links:?}: {orders:?}");
        orders[0].clone()
    }

    #[test]
    fn links_of_one_entity_make_one_order() {
        let cases: &[(&[&str], &str)] = &[
            (&["p>b"], "its own"),
            (&["p>b", "p>t"], "p>bt Merge"),
            (&["p<b", "p<t"], "bt>p Merge"),
            (&["p>b", "b>t"], "p>b>t Merge"),
            (&["p>b", "p>t", "b>t"], "p>b>t Merge"),
            (&["p>b", "p=t"], "pt>b Merge"),
            (&["p=b", "p<t"], "t>bp Merge"),
            (&["p?b", "p>t"], "bp>t Review"),
            (&["p~b", "p>t"], "bp>t Newer"),
            (&["p=b", "p~t"], " Merge"),
            (&["p~b", "p~t"], " Newer"),
            (&["p=b", "b=t", "p>t"], "bp>t Merge"),
            (&["p>b", "t>x", "b=t"], "p>bt>x Merge"),
            (&["p>b", "b>t", "t>p"], "circle"),
            (&["p>b", "b>t", "p<t"], "circle"),
            (&["p>b", "p>b"], "p>b Merge"),
            (&["p>b", "b<p"], "p>b Merge"),
            (&["p>b", "p<b"], "circle"),
            (&["p>b", "p?b"], "p>b Review"),
            (&["p?b", "p=b", "p=t"], " Review"),
            (&["p>b:1", "p<b:2"], "its own"),
        ];
        for (links, expected) in cases {
            assert_eq!(order(links), *expected, "{links:?}");
        }
    }
}
