//! Which events an endpoint gets, said by an expression.

use syncline_model::json::Json;
use thiserror::Error;

use super::program::ExpressionError;
use super::transformation::{Transformation, TransformationError, TransformationFailure};

/// An expression that says of an event whether it is sent. It sees what a [`Transformation`] sees, with the same
/// bounds.
///
/// # Example
///
/// ```
/// use syncline_model::json::parse;
/// use syncline_policy::EventFilter;
///
/// let urgent = EventFilter::compile("event.data.level >= 3 && event.type != 'task.read'")?;
/// let event = parse(br#"{"type":"task.done","data":{"level":4}}"#)?;
/// assert!(urgent.chooses(&event)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventFilter(Transformation);

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter {0}")]
pub struct EventFilterError(ExpressionError);

impl EventFilterError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "EVENT_FILTER_INVALID"
    }
}

/// Why a filter says nothing of an event. It says no value of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventFilterFailure {
    /// The expression could not be carried out.
    #[error("the filter says nothing of the event: {0}")]
    Failed(#[from] TransformationFailure),
    /// It answers something else.
    #[error("the filter answers neither true nor false")]
    NoAnswer,
}

impl EventFilterFailure {
    /// Returns the stable code of the error.
    pub const fn code(self) -> &'static str {
        "EVENT_FILTER_FAILED"
    }
}

impl EventFilter {
    /// Compiles a text.
    ///
    /// # Errors
    ///
    /// [`EventFilterError`] if the text is no expression of the language, uses what is left out, or has too many parts.
    pub fn compile(text: &str) -> Result<Self, EventFilterError> {
        let compiled = Transformation::compile(text);
        compiled.map(Self).map_err(|TransformationError(error)| EventFilterError(error))
    }

    /// Returns whether an event is sent. It may take some tenths of a second.
    ///
    /// # Errors
    ///
    /// [`EventFilterFailure`]; the same event fails again.
    pub fn chooses(&self, event: &Json) -> Result<bool, EventFilterFailure> {
        self.0.apply(event)?.as_bool().ok_or(EventFilterFailure::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::json::parse;

    use super::*;

    #[test]
    fn a_filter_answers_yes_or_no_and_anything_else_is_no_answer() {
        use TransformationFailure::NoSuchMember;
        let event = r#"{"type":"task.done","data":{"level":4,"tags":["x"],"who":null}}"#;
        #[rustfmt::skip]
        let cases = [
            ("true",                                         Ok(true)),
            ("event.data.level > 4",                         Ok(false)),
            ("event.type.startsWith('task.')",               Ok(true)),
            ("event.data.tags.exists(t, t == 'x')",          Ok(true)),
            ("has(event.data.mail) && event.data.mail != ''", Ok(false)),
            ("event.data.level",                             Err(EventFilterFailure::NoAnswer)),
            ("event.data.who",                               Err(EventFilterFailure::NoAnswer)),
            ("event.data.mail == ''",                        Err(NoSuchMember.into())),
        ];
        for (text, expected) in cases {
            let filter = EventFilter::compile(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(filter.chooses(&parse(event.as_bytes()).unwrap()), expected, "case: {text}");
        }
        for text in ["", "event.", "now() > 1", "event.data.matches('a')"] {
            let error = EventFilter::compile(text).expect_err(text);
            assert_eq!(error.code(), "EVENT_FILTER_INVALID");
            assert!(error.to_string().starts_with("the filter "), "{error}");
        }
    }
}
