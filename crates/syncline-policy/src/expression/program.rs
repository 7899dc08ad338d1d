//! Compiling an expression once, and evaluating it often.

use std::fmt;
use std::sync::Arc;

use cel::parser::Parser;
use cel::{Context, Env, IdedExpr, Value};
use syncline_model::json::Leaf;
use thiserror::Error;

use super::cost::{Estimate, Scope};
use super::values;
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_COST_MAX, EXPRESSION_DEPTH_MAX};

/// The one name that an expression starts from: the list of values.
pub(super) const INPUT: &str = "values";

/// An expression over a list of values, compiled and known to be cheap.
///
/// Equal to another one if the text is the same.
///
/// # Example
///
/// ```
/// use syncline_model::json::Leaf;
/// use syncline_policy::Expression;
///
/// let longest = Expression::compile("size(values[0]) >= size(values[1]) ? values[0] : values[1]")?;
/// let values = [Leaf::string("Ann"), Leaf::string("Anna")];
/// let values: Vec<&Leaf> = values.iter().collect();
/// assert_eq!(longest.evaluate(&values), Some(Leaf::string("Anna")));
/// # Ok::<(), syncline_policy::ExpressionError>(())
/// ```
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    tree: Arc<IdedExpr>,
    functions: Arc<Env>,
}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] if the text is no expression of the language, uses what is left out, says
    /// nothing about the values, or might cost too much.
    pub fn compile(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(ExpressionError::TooLong {
                bytes: text.len(),
                bytes_max: EXPRESSION_BYTES_MAX,
            });
        }
        let parser =
            Parser::new().max_recursion_depth(EXPRESSION_DEPTH_MAX).enable_optional_syntax(false);
        let tree = parser.parse(text).map_err(|errors| {
            let position = errors.errors.first().map_or((1, 1), |error| error.pos);
            ExpressionError::Syntax { line: position.0, column: position.1 }
        })?;
        let estimate = Estimate::of(&tree, Scope::VALUES)?;
        if !estimate.uses_input {
            return Err(ExpressionError::Constant);
        }
        if estimate.cost > EXPRESSION_COST_MAX {
            return Err(ExpressionError::TooCostly { cost_max: EXPRESSION_COST_MAX });
        }
        let functions = Env::default().with_optional_support(false).with_stdlib();
        Ok(Self { text: text.into(), tree: Arc::new(tree), functions: Arc::new(functions) })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the value for these values; `None` if there is no answer: an error in the
    /// expression, more input than it may cost, or an answer that is no field value.
    ///
    /// Depends on nothing but the text and the values.
    pub fn evaluate(&self, values: &[&Leaf]) -> Option<Leaf> {
        let input = values::from_leaves(values)?;
        let mut context = Context::with_env(Arc::clone(&self.functions));
        context.add_variable_from_value(INPUT, input);
        let answer = Value::resolve(&self.tree, &context).ok()?;
        values::to_leaf(&answer)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// Why a text cannot be used as an expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The text is too long.
    #[error("has {bytes} bytes; at most {bytes_max} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        bytes_max: usize,
    },
    /// The text is not CEL, or nested too deeply.
    #[error("is no expression at line {line}, column {column} of it")]
    Syntax {
        /// The line within the text, from one.
        line: isize,
        /// The column within the line, from one.
        column: isize,
    },
    /// The expression has too many parts.
    #[error("has more than {parts_max} parts")]
    TooManyParts {
        /// The greatest number of parts.
        parts_max: usize,
    },
    /// The expression uses a part of the language that is left out.
    #[error("uses {part}, which is not available here")]
    Unsupported {
        /// What it uses.
        part: &'static str,
    },
    /// The expression calls something that is not available.
    #[error("calls `{name}`, which is not available here")]
    UnknownFunction {
        /// The name of the function.
        name: String,
    },
    /// The expression uses a name that nothing defines.
    #[error("uses the name `{name}`; what there is to use is called `{input}`")]
    UnknownName {
        /// The name.
        name: String,
        /// The name that there is.
        input: &'static str,
    },
    /// The expression does not look at the values.
    #[error("does not use `values`, so it would always answer the same")]
    Constant,
    /// Evaluating might take too long.
    #[error("might take more than {cost_max} steps for a large input")]
    TooCostly {
        /// The greatest number of steps.
        cost_max: u64,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(text: &str) -> Leaf {
        Leaf::parse(text).unwrap()
    }

    fn evaluate(expression: &str, values: &[&str]) -> Option<String> {
        let expression =
            Expression::compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        let values: Vec<Leaf> = values.iter().map(|value| leaf(value)).collect();
        let values: Vec<&Leaf> = values.iter().collect();
        expression.evaluate(&values).map(|leaf| leaf.canonical().into_owned())
    }

    #[test]
    fn an_expression_answers_from_the_values_in_their_order() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], Option<&str>)] = &[
            ("values[0]",                                    &["1", "2"],             Some("1")),
            ("values[size(values) - 1]",                     &["\"a\"", "\"b\""],     Some("\"b\"")),
            ("values[0] + values[1]",                        &["1", "2"],             Some("3")),
            ("values[0] + values[1]",                        &["10", "0.5"],          Some("10.5")),
            ("values[0] + ', ' + values[1]",                 &["\"a\"", "\"b\""],     Some("\"a, b\"")),
            ("values[0] + values[1]",                        &["[1]", "[2]"],         Some("[1,2]")),
            ("values.filter(v, v != '')[0]",                 &["\"\"", "\"b\""],      Some("\"b\"")),
            ("values.exists(v, v == 'blocked') ? 'blocked' : values[0]", &["\"ok\"", "\"blocked\""], Some("\"blocked\"")),
            ("values.map(v, v * 2)[1]",                      &["1", "2"],             Some("4")),
            ("values.all(v, v.startsWith('+')) ? values[0] : null", &["\"+1\"", "\"2\""], Some("null")),
            ("string(int(values[0])) + '!'",                 &["7", "8"],             Some("\"7!\"")),
            // No answer: a person decides.
            ("values[0] + values[1]",                        &["1", "\"b\""],         None),
            ("values[5]",                                    &["1", "2"],             None),
            ("values[0] / values[1]",                        &["1", "0"],             None),
            ("values[0] + values[1]",                        &["9223372036854775807", "1"], None),
            ("values[0]",                                    &["[{\"a\":1}]", "2"],   None),
            ("values[0]",                                    &["0.1000000000000000055511151231257827", "2"], None),
            ("values[0] * 1e300 * 1e300",                    &["1.5", "2.5"],         None),
        ];
        for (expression, values, expected) in cases {
            let answer = evaluate(expression, values);
            assert_eq!(answer.as_deref(), *expected, "case: {expression} of {values:?}");
        }
    }

    #[test]
    fn what_is_not_pure_bounded_or_sensible_is_refused() {
        let long = "values[0] ".repeat(200);
        let deep = format!("{}values{}", "(".repeat(80), ")".repeat(80));
        let wide = format!("values[0]{}", " + 1".repeat(100));
        let nested = "values.map(a, values.map(b, values.map(c, values.map(d, values.map(e, e)))))";
        #[rustfmt::skip]
        let cases: &[(&str, &str)] = &[
            ("",                            "is no expression"),
            ("values[",                     "is no expression"),
            (&long,                         "bytes"),
            (&deep,                         "is no expression"),
            (&wide,                         "parts"),
            ("1 + 1",                       "does not use `values`"),
            ("value[0]",                    "the name `value`"),
            ("now()",                       "calls `now`"),
            ("timestamp('2026-01-01T00:00:00Z') < values[0]", "calls `timestamp`"),
            ("values[0].matches('a+')",     "calls `matches`"),
            ("{'a': values[0]}",            "a map"),
            ("values[0].name",              "a member"),
            (nested,                        "steps"),
        ];
        for (text, said) in cases {
            let error = Expression::compile(text).expect_err(text).to_string();
            assert!(error.contains(said), "case: {text}: {error}");
        }
    }

    #[test]
    fn more_input_than_an_expression_may_cost_has_no_answer() {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
        assert!(evaluate("values[0]", &[&text(1_000), "1"]).is_some());
        assert_eq!(evaluate("values[0]", &[&text(1_000_000), "1"]), None);
        let many = format!("[{}1]", "1,".repeat(1_000));
        assert_eq!(evaluate("values[0]", &[&many, "1"]), None);
        let values: Vec<&str> = std::iter::repeat_n("1", 17).collect();
        assert_eq!(evaluate("values[0]", &values), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever is written, it is understood or refused; whatever comes, it is answered or not.
        #[test]
        fn no_text_and_no_value_makes_it_panic(
            text in "(values|v|[0-9]{1,3}|'[a-z]{0,3}'|size|map|exists| \\+ | \\? | : |\\[|\\]|\\(|\\)|\\.|,|-|!|\\{|\\}|\"|\\\\|\n|é){0,12}",
            numbers in proptest::collection::vec("-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?", 0..4),
        ) {
            let compiled = Expression::compile(&text);
            let sum = Expression::compile("values[0] + values[1] * values[2] - double(values[0])").unwrap();
            let values: Vec<Leaf> = numbers.iter().filter_map(|text| Leaf::parse(text).ok()).collect();
            let values: Vec<&Leaf> = values.iter().collect();
            let first = sum.evaluate(&values);
            prop_assert_eq!(first, sum.evaluate(&values));
            if let Ok(expression) = compiled {
                let _ = expression.evaluate(&values);
            }
        }
    }
}
