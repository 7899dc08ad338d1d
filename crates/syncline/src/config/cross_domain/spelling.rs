//! How the members of spec 001's files may be spelled.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::document::Ordered;

/// `cross_domain_config.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CrossDomain {
    #[serde(rename = "version", default)]
    _version: Option<IgnoredAny>,
    #[serde(rename = "description", default)]
    _description: Option<IgnoredAny>,
    #[serde(default, alias = "data_path")]
    pub(super) data_path: Option<PathBuf>,
    #[serde(default)]
    pub(super) domains: Domains,
    #[serde(default, alias = "entityTypes", alias = "entity_types")]
    pub(super) entities: Option<Vec<String>>,
    #[serde(default)]
    pub(super) permissions: Ordered<Ordered<Vec<String>>>,
    #[serde(default)]
    pub(super) limits: LimitsSpec,
    #[serde(default)]
    pub(super) sync: SyncSpec,
}

/// Domains, as a table by name or as a list of tables with a name.
#[derive(Default)]
pub(super) struct Domains(pub(super) Vec<(String, DomainSpec)>);

/// One domain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DomainSpec {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "description", default)]
    _description: Option<IgnoredAny>,
    #[serde(default, alias = "dataPath", alias = "data_path")]
    pub(super) path: Option<PathBuf>,
    #[serde(default, alias = "read_only")]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) permissions: Option<Rights>,
    #[serde(default, alias = "policies")]
    pub(super) policy: PolicySpec,
}

/// Rights in one domain: of everybody, or by user.
pub(super) enum Rights {
    Everybody(Vec<String>),
    Users(Ordered<Vec<String>>),
}

/// The field policy of a domain.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct PolicySpec {
    pub(super) default: Option<String>,
    #[serde(alias = "mask_text")]
    pub(super) mask_text: Option<String>,
    #[serde(alias = "allowFields", alias = "allow_fields", alias = "allowedFields")]
    pub(super) allow: Fields,
    #[serde(alias = "denyFields", alias = "deny_fields", alias = "excludeFields")]
    #[serde(alias = "exclude_fields", alias = "deniedFields")]
    pub(super) deny: Fields,
    #[serde(alias = "maskFields", alias = "mask_fields", alias = "maskedFields")]
    pub(super) mask: Fields,
    #[serde(alias = "out_only", alias = "outOnlyFields")]
    pub(super) out_only: Fields,
    #[serde(alias = "in_only", alias = "inOnlyFields")]
    pub(super) in_only: Fields,
    #[serde(alias = "exclude_categories")]
    pub(super) exclude_categories: Vec<String>,
}

/// Fields of every entity, or by entity.
pub(super) enum Fields {
    OfAll(Vec<String>),
    ByEntity(Ordered<Vec<String>>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::OfAll(Vec::new())
    }
}

/// The limits of a run.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct LimitsSpec {
    #[serde(alias = "max_items_per_entity", alias = "maxItems", alias = "max_items")]
    pub(super) max_items_per_entity: Option<u64>,
    #[serde(rename = "maxTotalSizeMB", alias = "max_total_size_mb", alias = "maxSizeMB")]
    pub(super) max_total_size_mb: Option<u64>,
    #[serde(alias = "timeout_minutes")]
    pub(super) timeout_minutes: Option<u64>,
    #[serde(alias = "timeout_seconds")]
    pub(super) timeout_seconds: Option<u64>,
}

/// What holds for every link.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct SyncSpec {
    #[serde(alias = "defaultDirection", alias = "default_direction")]
    pub(super) direction: Option<String>,
    #[serde(alias = "conflict_resolution")]
    pub(super) conflict_resolution: Option<String>,
}

/// `entity_mappings.json`: the entities at the top, or under `entities`.
pub(super) struct Mappings(pub(super) Ordered<EntitySpec>);

/// One entity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct EntitySpec {
    #[serde(rename = "description", default)]
    _description: Option<IgnoredAny>,
    #[serde(default, alias = "fileName", alias = "file_name")]
    pub(super) file: Option<String>,
    #[serde(default, alias = "id_field", alias = "id")]
    pub(super) id_field: Option<String>,
    #[serde(default, alias = "timestamp_field", alias = "timestamp")]
    pub(super) timestamp_field: Option<String>,
    #[serde(default, alias = "field_mappings")]
    pub(super) field_mappings: Ordered<NewName>,
    #[serde(default, alias = "merge_rules", alias = "mergeStrategies", alias = "merge_strategies")]
    pub(super) merge_rules: Ordered<String>,
}

/// The other name of a field: in `business`, or by domain.
pub(super) enum NewName {
    InBusiness(String),
    ByDomain(Ordered<String>),
}

impl<'de> Deserialize<'de> for Domains {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableOrList;
        impl<'de> Visitor<'de> for TableOrList {
            type Value = Domains;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("domains by name, or a list of domains with a `name`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Domains, A::Error> {
                Ordered::deserialize(MapAccessDeserializer::new(map)).map(|named| Domains(named.0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Domains, A::Error> {
                let mut domains = Vec::new();
                while let Some(mut domain) = list.next_element::<DomainSpec>()? {
                    let name = domain.name.take().ok_or_else(|| A::Error::missing_field("name"))?;
                    domains.push((name, domain));
                }
                Ok(Domains(domains))
            }
        }
        deserializer.deserialize_any(TableOrList)
    }
}

/// Writes `Deserialize` for an enum of a list (or text) and a table.
macro_rules! list_or_table {
    ($name:ident, $expecting:literal, $list:ident, $table:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<$name, A::Error> {
                        Vec::deserialize(SeqAccessDeserializer::new(list)).map($name::$list)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        Ordered::deserialize(MapAccessDeserializer::new(map)).map($name::$table)
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}

list_or_table!(Rights, "a list of rights, or rights by user", Everybody, Users);
list_or_table!(Fields, "a list of fields, or fields by entity", OfAll, ByEntity);

impl<'de> Deserialize<'de> for NewName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = NewName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of the field in business, or its names by domain")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<NewName, E> {
                Ok(NewName::InBusiness(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NewName, A::Error> {
                Ordered::deserialize(MapAccessDeserializer::new(map)).map(NewName::ByDomain)
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

impl<'de> Deserialize<'de> for Mappings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopOrUnder;
        impl<'de> Visitor<'de> for TopOrUnder {
            type Value = Mappings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entities by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Mappings, A::Error> {
                let mut entities: Vec<(String, EntitySpec)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "version" | "description" => drop(map.next_value::<IgnoredAny>()?),
                        "entities" | "mappings" => {
                            entities.extend(map.next_value::<Ordered<_>>()?.0)
                        }
                        _ => entities.push((name, map.next_value()?)),
                    }
                }
                let twice = |at: usize| {
                    entities
                        .iter()
                        .take(at)
                        .any(|(name, _)| Some(name) == entities.get(at).map(|e| &e.0))
                };
                if (0..entities.len()).any(twice) {
                    return Err(A::Error::custom("an entity is given twice"));
                }
                Ok(Mappings(Ordered(entities)))
            }
        }
        deserializer.deserialize_map(TopOrUnder)
    }
}
