//! `syncline.toml` as it is written: names and words, nothing resolved yet.
//!
//! Every type refuses members that it does not know, so that a typing mistake is never a rule that
//! silently does not apply. The published JSON Schema says the same; a test keeps the two together.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    pub(super) state: Option<PathBuf>,
    pub(super) domains: Ordered<DomainText>,
    pub(super) entities: Ordered<EntityText>,
    pub(super) links: Ordered<LinkText>,
    pub(super) roles: Ordered<Vec<String>>,
    pub(super) permissions: Vec<PermissionText>,
    pub(super) issuers: Vec<IssuerText>,
    pub(super) views: Ordered<ViewText>,
    pub(super) access: Vec<AccessText>,
    pub(super) limits: LimitsText,
    pub(super) notify: NotifyText,
    pub(super) metrics: MetricsText,
    pub(super) alerts: AlertsText,
}

/// One domain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainText {
    #[serde(default = "files")]
    pub(super) kind: String,
    pub(super) path: PathBuf,
    #[serde(default = "yes")]
    pub(super) writable: bool,
    #[serde(default)]
    pub(super) policy: PolicyText,
    #[serde(default)]
    pub(super) rename: Ordered<Ordered<String>>,
}

fn files() -> String {
    "files".to_owned()
}

const fn yes() -> bool {
    true
}

/// What may cross between one domain and the hub.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyText {
    pub(super) default: Option<String>,
    pub(super) mask: Option<String>,
    pub(super) fields: Vec<FieldPolicyText>,
    pub(super) records: Vec<ConditionText>,
}

/// One rule of a policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldPolicyText {
    pub(super) entity: Option<String>,
    pub(super) path: String,
    pub(super) action: String,
}

/// A condition on a record: one field has one of some values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionText {
    pub(super) entity: Option<String>,
    pub(super) path: String,
    pub(super) equals: Option<ScalarText>,
    #[serde(rename = "in")]
    pub(super) one_of: Option<Vec<ScalarText>>,
}

/// One entity.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EntityText {
    pub(super) file: Option<String>,
    pub(super) id: Option<String>,
    pub(super) time: Option<String>,
    pub(super) identify: Option<Vec<String>>,
    pub(super) deletion: Option<String>,
    pub(super) fields: Ordered<FieldText>,
}

/// How the concurrent values of a field become one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FieldDetail {
    pub(super) shape: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) key: Option<String>,
    pub(super) keep: Option<u32>,
    pub(super) priority: Option<Vec<String>>,
    pub(super) separator: Option<String>,
    pub(super) expression: Option<String>,
    pub(super) approval: Option<Vec<String>>,
}

/// A field's rule: one word, or a table with details.
#[derive(Clone, Debug)]
pub(super) enum FieldText {
    Word(String),
    Detail(FieldDetail),
}

/// One link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkText {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) entities: Option<Vec<String>>,
    pub(super) direction: Option<String>,
    pub(super) on_conflict: Option<String>,
    /// Only the files of spec 001 say so.
    #[serde(skip)]
    pub(super) fields_first: bool,
    #[serde(default)]
    pub(super) filter: Vec<ConditionText>,
}

/// What one user may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionText {
    pub(super) user: String,
    pub(super) domain: Option<String>,
    pub(super) entities: Option<Vec<String>>,
    pub(super) allow: Vec<String>,
}

/// Somebody else whose access tokens a hub that is served takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerText {
    pub(super) name: String,
    pub(super) audience: String,
    /// A file, or an address.
    pub(super) keys: PathBuf,
    #[serde(default)]
    pub(super) allow_plaintext: bool,
    pub(super) roles: Option<Vec<String>>,
}

/// A view that clients of a served hub follow by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewText {
    pub(super) entity: String,
    pub(super) filter: Option<String>,
    pub(super) fields: Option<Vec<String>>,
    #[serde(default)]
    pub(super) params: Ordered<String>,
}

/// What the holders of a role may see and write of a served hub's records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessText {
    pub(super) roles: Vec<String>,
    pub(super) entities: Option<Vec<String>>,
    pub(super) read: Option<String>,
    pub(super) read_fields: Option<Vec<String>>,
    pub(super) write: Option<String>,
    pub(super) write_fields: Option<Vec<String>>,
    #[serde(default)]
    pub(super) create: bool,
    #[serde(default)]
    pub(super) delete: bool,
}

/// Limits and guards.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsText {
    pub(super) items_per_entity: Option<u64>,
    pub(super) bytes_per_run: Option<NumberOrText>,
    pub(super) run_time: Option<String>,
    pub(super) max_delete: Option<NumberOrText>,
    pub(super) max_change: Option<NumberOrText>,
}

/// Who is told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NotifyText {
    pub(super) command: Vec<String>,
    pub(super) url: Option<String>,
    pub(super) link: Option<String>,
}

/// What figures are called.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MetricsText {
    pub(super) prefix: Option<String>,
    pub(super) region: Option<String>,
}

/// Who is told that a hub does badly, and of what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertsText {
    pub(super) repeat: Option<String>,
    pub(super) report_hour: Option<u8>,
    pub(super) rules: Ordered<AlertRuleText>,
    pub(super) to: Vec<AlertReceiverText>,
}

/// From when on something is too bad.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertRuleText {
    pub(super) threshold: Option<f64>,
    #[serde(rename = "for")]
    pub(super) for_time: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) off: bool,
}

/// Somebody who is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertReceiverText {
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) user: Option<String>,
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) to: Vec<String>,
    #[serde(default)]
    pub(super) reports: Vec<String>,
}

/// A number, or a text such as `"20%"` and `"100MB"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberOrText {
    Number(u64),
    Text(String),
}

impl fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A value to compare with: text, number or truth.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScalarText {
    Text(String),
    Number(String),
    Bool(bool),
}

/// A map that keeps the order in which it was written: of field patterns the first match wins.
#[derive(Clone, Debug)]
pub(super) struct Ordered<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Ordered<V> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut entries: Vec<(String, V)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if entries.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("`{name}` is given twice")));
                    }
                    entries.push((name, map.next_value()?));
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

impl<'de> Deserialize<'de> for FieldText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;
        impl<'de> Visitor<'de> for WordOrTable {
            type Value = FieldText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a rule, or a table with `shape` and `rule`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FieldText, E> {
                Ok(FieldText::Word(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldText, A::Error> {
                FieldDetail::deserialize(MapAccessDeserializer::new(map)).map(FieldText::Detail)
            }
        }
        deserializer.deserialize_any(WordOrTable)
    }
}

impl<'de> Deserialize<'de> for NumberOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = NumberOrText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a text with a unit")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<NumberOrText, E> {
                Ok(NumberOrText::Number(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<NumberOrText, E> {
                let number = u64::try_from(number)
                    .map_err(|_| E::custom("a negative number; expected zero or more"))?;
                Ok(NumberOrText::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<NumberOrText, E> {
                Ok(NumberOrText::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for ScalarText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = ScalarText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ScalarText, E> {
                Ok(ScalarText::Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<ScalarText, E> {
                Ok(ScalarText::Bool(truth))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<ScalarText, E> {
                Ok(ScalarText::Number(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<ScalarText, E> {
                Ok(ScalarText::Number(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<ScalarText, E> {
                if !number.is_finite() {
                    return Err(E::custom("a number that is not finite"));
                }
                Ok(ScalarText::Number(number.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
