//! What is sent of an event, made from it by an expression.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::parser::Parser;
use cel::{Context, Env, IdedExpr, Value};
use syncline_model::json::{Json, Object};
use thiserror::Error;

use super::cost::{Estimate, Extent, Scope};
use super::program::ExpressionError;
use super::values;
use crate::limits::{
    EXPRESSION_DEPTH_MAX, TRANSFORMATION_COST_MAX, TRANSFORMATION_DEPTH_MAX,
    TRANSFORMATION_INPUT_BYTES_MAX, TRANSFORMATION_NODES_MAX, TRANSFORMATION_OUTPUT_BYTES_MAX,
};

/// The one name that a transformation starts from: the event.
const INPUT: &str = "event";

/// An expression that makes the data of a delivery from an event.
///
/// It answers from nothing but the event: members of objects come in the order of their names. What it costs is
/// bounded for each event before it runs.
///
/// # Example
///
/// ```
/// use syncline_model::json::parse;
/// use syncline_policy::Transformation;
///
/// let short = Transformation::compile("{'who': event.data.name, 'n': size(event.data.tags)}")?;
/// let event = parse(br#"{"type":"a.b","data":{"name":"Ann","tags":["x","y"],"mail":"kept back"}}"#)?;
/// let data = short.apply(&event)?;
/// assert_eq!(data.to_compact_string(), r#"{"n":2,"who":"Ann"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Transformation {
    tree: Arc<IdedExpr>,
    functions: Arc<Env>,
}

/// Why a text is no transformation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the transformation {0}")]
pub struct TransformationError(#[from] pub(super) ExpressionError);

impl TransformationError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "TRANSFORMATION_INVALID"
    }
}

/// Why a transformation made nothing of an event. It says no value of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransformationFailure {
    /// The event is too long.
    #[error("the event has more than {TRANSFORMATION_INPUT_BYTES_MAX} bytes")]
    InputTooLong,
    /// A number of the event cannot be said exactly.
    #[error("a number of the event has more digits than an expression can hold")]
    Number,
    /// It might take too long.
    #[error("with an event of this size it might take more than {TRANSFORMATION_COST_MAX} steps")]
    TooCostly,
    /// It names a member that the event does not have.
    #[error("it names a member that the event does not have; `has(…)` asks for one")]
    NoSuchMember,
    /// It cannot be carried out with these values.
    #[error("it does something that the values of the event do not allow")]
    Failed,
    /// What it made is no JSON.
    #[error("what it made is no JSON, or nested deeper than {TRANSFORMATION_DEPTH_MAX}")]
    NoJson,
    /// What it made is too long.
    #[error("what it made has more than {TRANSFORMATION_OUTPUT_BYTES_MAX} bytes")]
    OutputTooLong,
}

impl TransformationFailure {
    /// Returns the stable code of the error.
    pub const fn code(self) -> &'static str {
        "TRANSFORMATION_FAILED"
    }
}

impl Transformation {
    /// Compiles a text.
    ///
    /// # Errors
    ///
    /// [`TransformationError`] if the text is no expression of the language, uses what is left out, or has too
    /// many parts.
    pub fn compile(text: &str) -> Result<Self, TransformationError> {
        let parser =
            Parser::new().max_recursion_depth(EXPRESSION_DEPTH_MAX).enable_optional_syntax(false);
        let tree = parser.parse(text).map_err(|errors| {
            let position = errors.errors.first().map_or((1, 1), |error| error.pos);
            ExpressionError::Syntax { line: position.0, column: position.1 }
        })?;
        let estimate = Estimate::of(&tree, scope(Extent::document(1, 1)))?;
        if estimate.cost > TRANSFORMATION_COST_MAX {
            return Err(ExpressionError::TooCostly { cost_max: TRANSFORMATION_COST_MAX }.into());
        }
        let functions = Env::default().with_optional_support(false).with_stdlib();
        Ok(Self { tree: Arc::new(tree), functions: Arc::new(functions) })
    }

    /// Returns what is to be sent of an event. It may take some tenths of a second.
    ///
    /// # Errors
    ///
    /// [`TransformationFailure`]; the same event fails again.
    pub fn apply(&self, event: &Json) -> Result<Json, TransformationFailure> {
        let mut size = Size::default();
        let input = from_json(event, &mut size).ok_or(TransformationFailure::Number)?;
        if size.bytes > TRANSFORMATION_INPUT_BYTES_MAX as u64 {
            return Err(TransformationFailure::InputTooLong);
        }
        let estimate = Estimate::of(&self.tree, scope(Extent::document(size.longest, size.bytes)));
        if !estimate.is_ok_and(|estimate| estimate.cost <= TRANSFORMATION_COST_MAX) {
            return Err(TransformationFailure::TooCostly);
        }
        let mut context = Context::with_env(Arc::clone(&self.functions));
        context.add_variable_from_value(INPUT, input);
        let answer = Value::resolve(&self.tree, &context).map_err(|error| match error {
            cel::ExecutionError::NoSuchKey(_) => TransformationFailure::NoSuchMember,
            _ => TransformationFailure::Failed,
        })?;
        let mut room = TRANSFORMATION_OUTPUT_BYTES_MAX;
        to_json(&answer, TRANSFORMATION_DEPTH_MAX, &mut room)
    }
}

impl fmt::Debug for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformation").finish_non_exhaustive()
    }
}

const fn scope(extent: Extent) -> Scope {
    Scope { input: INPUT, extent, has_members: true, nodes_max: TRANSFORMATION_NODES_MAX }
}

/// How large a document is.
#[derive(Default)]
struct Size {
    /// Most elements of a list or members of an object.
    longest: u64,
    /// Bytes as JSON, about.
    bytes: u64,
}

/// Returns a document as the language sees it; `None` if a number of it cannot be said exactly.
fn from_json(value: &Json, size: &mut Size) -> Option<Value> {
    size.bytes += 2;
    Some(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => {
            size.bytes += number.as_str().len() as u64;
            match number.to_i64() {
                Some(whole) => Value::Int(whole),
                None => Value::Float(values::double(number)?),
            }
        }
        Json::String(text) => {
            size.bytes += text.len() as u64;
            Value::String(Arc::new(text.to_string()))
        }
        Json::Array(items) => {
            size.longest = size.longest.max(items.len() as u64);
            let items = items.iter().map(|item| from_json(item, size));
            Value::List(Arc::new(items.collect::<Option<Vec<_>>>()?))
        }
        Json::Object(object) => {
            size.longest = size.longest.max(object.len() as u64);
            let members = object.iter().map(|(name, value)| {
                size.bytes += name.len() as u64 + 2;
                Some((Key::String(Arc::new(name.to_owned())), from_json(value, size)?))
            });
            Value::Map(Map { map: Arc::new(members.collect::<Option<_>>()?) })
        }
    })
}

/// Returns an answer as JSON, its members in the order of their names.
fn to_json(value: &Value, depth: usize, room: &mut usize) -> Result<Json, TransformationFailure> {
    use TransformationFailure::{NoJson, OutputTooLong};
    let mut take = |bytes: usize| {
        *room = room.checked_sub(bytes).ok_or(OutputTooLong)?;
        Ok(())
    };
    let inside = |depth: usize| depth.checked_sub(1).ok_or(NoJson);
    take(2)?;
    Ok(match value {
        Value::String(text) => {
            take(text.len())?;
            Json::String(text.as_str().into())
        }
        Value::List(items) => {
            let depth = inside(depth)?;
            let items = items.iter().map(|item| to_json(item, depth, room));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            let depth = inside(depth)?;
            let mut members = BTreeMap::new();
            for (key, value) in map.map.iter() {
                let Key::String(name) = key else { return Err(NoJson) };
                members.insert(name.as_str(), value);
            }
            let mut object = Object::new();
            for (name, value) in members {
                *room = room.checked_sub(name.len() + 4).ok_or(OutputTooLong)?;
                object.insert(name, to_json(value, depth, room)?);
            }
            Json::Object(object)
        }
        scalar => values::to_json(scalar).ok_or(NoJson)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_model::json::parse;

    use super::*;

    const EVENT: &str = r#"{"id":"e1","type":"enrollment.created","resourceId":"r1","data":{
        "name":"Ann","score":7,"rate":0.5,"tags":["x","y"],"address":{"city":"Bern"},
        "courses":[{"id":"c1","done":true},{"id":"c2","done":false}],"none":null}}"#;

    fn apply(text: &str, event: &str) -> Result<String, TransformationFailure> {
        let transformation =
            Transformation::compile(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let data = transformation.apply(&parse(event.as_bytes()).unwrap())?;
        Ok(data.to_compact_string())
    }

    #[test]
    fn data_is_made_from_the_event() {
        use TransformationFailure::{Failed, NoJson, NoSuchMember, Number};
        #[rustfmt::skip]
        let cases = [
            ("event.data.address",                              EVENT, Ok(r#"{"city":"Bern"}"#)),
            ("{'b': event.data.name, 'a': event.type}",         EVENT, Ok(r#"{"a":"enrollment.created","b":"Ann"}"#)),
            ("event.data.courses.filter(c, c.done).map(c, c.id)", EVENT, Ok(r#"["c1"]"#)),
            ("has(event.data.mail) ? event.data.mail : 'none'", EVENT, Ok(r#""none""#)),
            ("{'n': size(event.data.tags), 'r': event.data.rate}", EVENT, Ok(r#"{"n":2,"r":0.5}"#)),
            ("event.data.score + 1",                            EVENT, Ok("8")),
            ("event.data['name'] + '!'",                        EVENT, Ok(r#""Ann!""#)),
            ("{'always': true}",                                EVENT, Ok(r#"{"always":true}"#)),
            ("event.data.none",                                 EVENT, Ok("null")),
            ("event.data.mail",                                 EVENT, Err(NoSuchMember)),
            ("event.data.score + event.data.name",              EVENT, Err(Failed)),
            ("{1: 'a number is no name'}",                      EVENT, Err(NoJson)),
            ("event.data",  r#"{"data":0.1000000000000000055511151231257827}"#, Err(Number)),
            ("event.data.map(k, k)", r#"{"data":[1.5,2]}"#,            Ok("[1.5,2]")),
        ];
        for (text, event, expected) in cases {
            assert_eq!(apply(text, event).as_deref().map_err(|e| *e), expected, "case: {text}");
        }
    }

    #[test]
    fn what_is_no_transformation_is_refused_with_its_place() {
        let many = format!("[{}1]", "event, ".repeat(TRANSFORMATION_NODES_MAX));
        #[rustfmt::skip]
        let cases = [
            ("",                       "is no expression"),
            ("event.",                 "line 1, column"),
            ("data.name",              "the name `data`; what there is to use is called `event`"),
            ("now()",                  "calls `now`"),
            ("event.data.matches('a')", "calls `matches`"),
            (&many,                    "parts"),
        ];
        for (text, said) in cases {
            let error = Transformation::compile(text).expect_err(text);
            assert!(error.to_string().contains(said), "case: {text}: {error}");
            assert_eq!(error.code(), "TRANSFORMATION_INVALID");
        }
    }

    /// Loops within loops are fine for small events and refused for large ones before they run.
    #[test]
    fn what_might_take_too_long_or_grow_too_large_is_not_carried_out() {
        use TransformationFailure::{InputTooLong, OutputTooLong, TooCostly};
        let list = |count: usize| format!(r#"{{"data":[{}1]}}"#, "1,".repeat(count - 1));
        let nested = "event.data.map(a, event.data.map(b, event.data.map(c, a + b + c)))";
        assert!(apply(nested, &list(3)).is_ok());
        assert_eq!(apply(nested, &list(1_000)), Err(TooCostly));
        let text = |bytes: usize| format!(r#"{{"data":"{}"}}"#, "x".repeat(bytes));
        assert!(apply("event.data", &text(TRANSFORMATION_OUTPUT_BYTES_MAX - 100)).is_ok());
        assert_eq!(apply("event.data", &text(TRANSFORMATION_INPUT_BYTES_MAX)), Err(InputTooLong));
        assert_eq!(apply("[event.data, event.data]", &text(200_000)), Err(OutputTooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever is written, it is understood or refused; what is understood answers the same twice.
        #[test]
        fn no_text_makes_it_panic_and_the_answer_is_always_the_same(
            text in "(event|\\.data|\\.tags|\\.address|\\.courses|c|c\\.id|[0-9]{1,3}|'[a-z]{0,3}'|size|map|filter|has| \\+ | \\? | : |\\[|\\]|\\(|\\)|\\.|,|-|!|\\{|\\}|\"|é){0,14}",
        ) {
            if let Ok(transformation) = Transformation::compile(&text) {
                let event = parse(EVENT.as_bytes()).unwrap();
                prop_assert_eq!(transformation.apply(&event), transformation.apply(&event));
            }
        }
    }
}
