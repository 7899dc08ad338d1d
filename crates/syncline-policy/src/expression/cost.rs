//! What evaluating an expression costs at most, told from its text alone.
//!
//! The evaluator itself knows no bound, and a few nested loops over sixteen values run for hours.
//! So every part is given an upper bound of the steps that it takes and of the size of its answer,
//! from the largest input that is ever handed in. Steps are visits of a part, plus one for every
//! [`BYTES_PER_STEP`] bytes that are looked at or copied.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, MapExpr, operators,
};

use super::program::{ExpressionError, INPUT};
use crate::limits::{
    EXPRESSION_INPUT_SIZE_MAX, EXPRESSION_LIST_MAX, EXPRESSION_NODES_MAX, EXPRESSION_VALUES_MAX,
};

/// How many bytes are looked at or copied in the time of one step.
const BYTES_PER_STEP: u64 = 1_024;
/// Bytes that anything takes, however small it is.
const BYTES_EACH: u64 = 16;
/// Bytes in memory for a byte of JSON.
const BYTES_PER_BYTE: u64 = 4;

/// Functions that may be called; each looks at its arguments once. Their answers are numbers, truth
/// values, or texts that are not much longer than what they were made of.
const FUNCTIONS: &[&str] =
    &["size", "int", "double", "string", "contains", "startsWith", "endsWith"];

/// Operators whose answer is one truth value or number.
const SCALAR: &[&str] = &[
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];

/// How large an answer is at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Number of elements, if it is a list.
    length: u64,
    /// Number of elements of a list inside of it.
    length_inside: u64,
    /// Bytes of all that it holds.
    bytes: u64,
}

/// What an expression starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// The one name.
    pub(super) input: &'static str,
    /// How large what it stands for is.
    pub(super) extent: Extent,
    /// Whether values have members, and maps can be made.
    pub(super) has_members: bool,
    /// Most parts.
    pub(super) nodes_max: usize,
}

impl Scope {
    /// A list of the values of fields.
    pub(super) const VALUES: Self = Self {
        input: INPUT,
        extent: Extent::INPUT,
        has_members: false,
        nodes_max: EXPRESSION_NODES_MAX,
    };
}

impl Extent {
    /// What is a document, at any depth of it.
    pub(super) const fn document(longest: u64, bytes: u64) -> Self {
        let bytes = bytes.saturating_mul(BYTES_PER_BYTE);
        Self { length: longest, length_inside: longest, bytes }
    }

    const SCALAR: Self = Self { length: 0, length_inside: 0, bytes: BYTES_EACH };

    const INPUT: Self = Self {
        length: EXPRESSION_VALUES_MAX as u64,
        length_inside: EXPRESSION_LIST_MAX as u64,
        bytes: EXPRESSION_INPUT_SIZE_MAX as u64 * BYTES_PER_BYTE,
    };

    /// Returns the extent of one element.
    const fn element(self) -> Self {
        Self { length: self.length_inside, ..self }
    }

    /// Returns the extent of either.
    fn or(self, other: Self) -> Self {
        Self {
            length: self.length.max(other.length),
            length_inside: self.length_inside.max(other.length_inside),
            bytes: self.bytes.max(other.bytes),
        }
    }

    /// Returns the extent of both, one after the other.
    fn and(self, other: Self) -> Self {
        Self {
            length: self.length.saturating_add(other.length),
            length_inside: self.length_inside.max(other.length_inside),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Returns what is left of a growth from `start` to `self`, done `times` times.
    fn grown(self, start: Self, times: u64) -> Self {
        let grow =
            |to: u64, from: u64| from.saturating_add(to.saturating_sub(from).saturating_mul(times));
        Self {
            length: grow(self.length, start.length),
            length_inside: self.length_inside.max(start.length_inside),
            bytes: grow(self.bytes, start.bytes),
        }
    }

    const fn steps(self) -> u64 {
        self.bytes / BYTES_PER_STEP
    }
}

/// What a part costs at most, and how large its answer is.
#[derive(Clone, Copy, Debug)]
struct Bound {
    cost: u64,
    extent: Extent,
}

/// What is known about an expression before it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    /// Most steps for any input that is handed in.
    pub(super) cost: u64,
    /// Whether it looks at the values.
    pub(super) uses_input: bool,
}

impl Estimate {
    /// Looks at all parts of an expression.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] if a part is not available.
    pub(super) fn of(tree: &IdedExpr, scope: Scope) -> Result<Self, ExpressionError> {
        let mut walk = Walk { names: Vec::new(), parts: 0, uses_input: false, scope };
        let bound = walk.part(tree)?;
        Ok(Self { cost: bound.cost, uses_input: walk.uses_input })
    }
}

struct Walk {
    /// Names of loops, the innermost last.
    names: Vec<(String, Extent)>,
    parts: usize,
    uses_input: bool,
    scope: Scope,
}

impl Walk {
    fn part(&mut self, part: &IdedExpr) -> Result<Bound, ExpressionError> {
        self.parts += 1;
        if self.parts > self.scope.nodes_max {
            return Err(ExpressionError::TooManyParts { parts_max: self.scope.nodes_max });
        }
        let unsupported = |part| Err(ExpressionError::Unsupported { part });
        match &part.expr {
            Expr::Literal(literal) => literal_bound(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(&list.elements),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Map(map) if self.scope.has_members => self.map(map),
            Expr::Map(_) => unsupported("a map"),
            Expr::Select(select) if self.scope.has_members => {
                let whole = self.part(&select.operand)?;
                let length = whole.extent.length.max(whole.extent.length_inside);
                let member = Extent { length, ..whole.extent };
                let extent = if select.test { Extent::SCALAR } else { member };
                Ok(Bound { cost: whole.cost.saturating_add(1), extent })
            }
            Expr::Select(_) => unsupported("a member of a value"),
            Expr::Struct(_) | Expr::Unspecified => unsupported("a structure"),
        }
    }

    fn name(&mut self, name: &str) -> Result<Bound, ExpressionError> {
        let known = self.names.iter().rev().find(|(known, _)| known == name);
        let extent = match known {
            Some((_, extent)) => *extent,
            None if name == self.scope.input => {
                self.uses_input = true;
                self.scope.extent
            }
            None => {
                let input = self.scope.input;
                return Err(ExpressionError::UnknownName { name: name.to_owned(), input });
            }
        };
        Ok(Bound { cost: 1, extent })
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<Bound, ExpressionError> {
        let mut whole = Bound { cost: 1, extent: Extent::SCALAR };
        for element in elements {
            let element = self.part(element)?;
            whole.cost =
                whole.cost.saturating_add(element.cost).saturating_add(element.extent.steps());
            let inside = element.extent.length.max(element.extent.length_inside);
            whole.extent.length += 1;
            whole.extent.length_inside = whole.extent.length_inside.max(inside);
            whole.extent.bytes = whole.extent.bytes.saturating_add(element.extent.bytes);
        }
        Ok(whole)
    }

    fn map(&mut self, map: &MapExpr) -> Result<Bound, ExpressionError> {
        let mut whole = Bound { cost: 1, extent: Extent::SCALAR };
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err(ExpressionError::Unsupported { part: "a structure" });
            };
            let (key, value) = (self.part(&entry.key)?, self.part(&entry.value)?);
            let steps = key.extent.steps().saturating_add(value.extent.steps());
            let cost = key.cost.saturating_add(value.cost).saturating_add(steps);
            whole.cost = whole.cost.saturating_add(cost);
            let inside = value.extent.length.max(value.extent.length_inside);
            whole.extent.length += 1;
            whole.extent.length_inside = whole.extent.length_inside.max(inside);
            let bytes = key.extent.bytes.saturating_add(value.extent.bytes);
            whole.extent.bytes = whole.extent.bytes.saturating_add(bytes);
        }
        Ok(whole)
    }

    fn call(&mut self, call: &CallExpr) -> Result<Bound, ExpressionError> {
        let mut cost = 1_u64;
        let mut extents = Vec::new();
        for argument in call.target.iter().map(|target| &**target).chain(&call.args) {
            let bound = self.part(argument)?;
            cost = cost.saturating_add(bound.cost).saturating_add(bound.extent.steps());
            extents.push(bound.extent);
        }
        let all = || extents.iter().copied().fold(Extent::SCALAR, Extent::and);
        let extent = match call.func_name.as_str() {
            operators::CONDITIONAL => extents.iter().copied().fold(Extent::SCALAR, Extent::or),
            operators::ADD => all(),
            operators::INDEX => extents.first().map_or(Extent::SCALAR, |list| list.element()),
            name if SCALAR.contains(&name) => Extent::SCALAR,
            name if FUNCTIONS.contains(&name) => Extent { length: 0, length_inside: 0, ..all() },
            name => return Err(ExpressionError::UnknownFunction { name: name.to_owned() }),
        };
        Ok(Bound { cost, extent })
    }

    /// A loop: what a macro such as `map` or `exists` is made of. Its accumulator grows by the same
    /// at every turn, since an expression cannot name it.
    fn comprehension(
        &mut self,
        comprehension: &ComprehensionExpr,
    ) -> Result<Bound, ExpressionError> {
        if comprehension.iter_var2.is_some() {
            return Err(ExpressionError::Unsupported { part: "a loop with two names" });
        }
        let range = self.part(&comprehension.iter_range)?;
        let start = self.part(&comprehension.accu_init)?;
        let turns = range.extent.length;
        self.names.push((comprehension.iter_var.clone(), range.extent.element()));
        self.names.push((comprehension.accu_var.clone(), start.extent));
        let once = self.part(&comprehension.loop_step)?.extent;
        let end = once.grown(start.extent, turns).or(start.extent);
        if let Some((_, accumulator)) = self.names.last_mut() {
            *accumulator = end;
        }
        let parts = self.parts;
        let step = self.part(&comprehension.loop_step)?;
        let condition = self.part(&comprehension.loop_cond)?;
        // The step was looked at twice and is there once.
        self.parts = parts;
        let result = self.part(&comprehension.result)?;
        self.names.truncate(self.names.len() - 2);
        let turn = step.cost.saturating_add(condition.cost).saturating_add(end.steps());
        let cost = [range.cost, start.cost, turn.saturating_mul(turns), result.cost];
        let cost = cost.into_iter().fold(1_u64, u64::saturating_add);
        Ok(Bound { cost, extent: result.extent })
    }
}

fn literal_bound(literal: &LiteralValue) -> Result<Bound, ExpressionError> {
    let bytes = match literal {
        LiteralValue::String(text) => text.inner().len() as u64,
        LiteralValue::Bytes(_) => return Err(ExpressionError::Unsupported { part: "bytes" }),
        _ => 0,
    };
    let extent = Extent { bytes: BYTES_EACH.saturating_add(bytes), ..Extent::SCALAR };
    Ok(Bound { cost: 1, extent })
}
