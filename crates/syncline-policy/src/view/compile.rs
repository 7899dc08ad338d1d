//! From the text of a filter to its tree. The language's own parser reads the text; what it reads
//! becomes a tree of the few things that a filter can ask.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};
use cel::parser::Parser;
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::Path;

use super::filter::{Comparison, FilterError, Node, Operand, Place};
use crate::limits::{EXPRESSION_DEPTH_MAX, FILTER_BYTES_MAX, FILTER_LIST_MAX, FILTER_PARTS_MAX};

/// Compiles a text.
pub(super) fn compile(text: &str) -> Result<Node, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(FilterError::TooLong { bytes: text.len() });
    }
    let parser =
        Parser::new().max_recursion_depth(EXPRESSION_DEPTH_MAX).enable_optional_syntax(false);
    let tree = parser.parse(text).map_err(|errors| {
        let position = errors.errors.first().map_or((1, 1), |error| error.pos);
        FilterError::Syntax { line: position.0, column: position.1 }
    })?;
    let mut compiler = Compiler { parts: 0 };
    compiler.condition(&tree)
}

struct Compiler {
    parts: usize,
}

impl Compiler {
    fn count(&mut self) -> Result<(), FilterError> {
        self.parts += 1;
        if self.parts > FILTER_PARTS_MAX { Err(FilterError::TooManyParts) } else { Ok(()) }
    }

    fn condition(&mut self, part: &IdedExpr) -> Result<Node, FilterError> {
        self.count()?;
        match &part.expr {
            Expr::Call(call) => self.call(call),
            Expr::Select(select) if select.test => match self.member(select)? {
                Operand::Field(path) => Ok(Node::Has(path)),
                _ => Err(FilterError::Unsupported { part: "`has` of what is not the record's" }),
            },
            _ => Ok(Node::Truth(self.operand(part)?)),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<Node, FilterError> {
        let arguments: Vec<&IdedExpr> =
            call.target.iter().map(|target| &**target).chain(&call.args).collect();
        let name = call.func_name.as_str();
        match (name, arguments.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => {
                Ok(Node::All(vec![self.condition(a)?, self.condition(b)?]))
            }
            (operators::LOGICAL_OR, [a, b]) => {
                Ok(Node::Any(vec![self.condition(a)?, self.condition(b)?]))
            }
            (operators::LOGICAL_NOT, [a]) => Ok(Node::Not(Box::new(self.condition(a)?))),
            (operators::IN, [a, b]) => Ok(Node::In(self.operand(a)?, self.operand(b)?)),
            (operators::INDEX, _) => Ok(Node::Truth(self.index(call)?)),
            (_, [a, b]) => match (comparison(name), place(name)) {
                (Some(comparison), _) => {
                    Ok(Node::Compare(comparison, self.operand(a)?, self.operand(b)?))
                }
                (None, Some(place)) => Ok(Node::Text(place, self.operand(a)?, self.operand(b)?)),
                (None, None) => Err(unknown(name)),
            },
            _ => Err(unknown(name)),
        }
    }

    fn operand(&mut self, part: &IdedExpr) -> Result<Operand, FilterError> {
        self.count()?;
        match &part.expr {
            Expr::Literal(literal) => literal_leaf(literal).map(Operand::Literal),
            Expr::Select(select) if !select.test => self.member(select),
            Expr::List(list) => self.list(&list.elements),
            Expr::Ident(name) => root(name),
            Expr::Call(call) if call.func_name == operators::INDEX => self.index(call),
            Expr::Call(call) => self.size(call),
            Expr::Comprehension(_) => Err(FilterError::Unsupported { part: "a loop" }),
            Expr::Map(_) => Err(FilterError::Unsupported { part: "a map" }),
            _ => Err(FilterError::Unsupported { part: "a structure" }),
        }
    }

    /// `record.a`: a member of what is before the dot.
    fn member(&mut self, select: &SelectExpr) -> Result<Operand, FilterError> {
        let of = self.operand(&select.operand)?;
        below(of, &select.field)
    }

    /// `record["a"]`: the same for names that are no words.
    fn index(&mut self, call: &CallExpr) -> Result<Operand, FilterError> {
        let [of, key] = call.args.as_slice() else {
            return Err(unknown(&call.func_name));
        };
        let Expr::Literal(LiteralValue::String(key)) = &key.expr else {
            return Err(FilterError::Unsupported { part: "a place in a list" });
        };
        let of = self.operand(of)?;
        below(of, key.inner())
    }

    fn size(&mut self, call: &CallExpr) -> Result<Operand, FilterError> {
        if call.func_name == operators::NEGATE {
            let [inner] = call.args.as_slice() else {
                return Err(unknown(&call.func_name));
            };
            return match self.operand(inner)? {
                Operand::Literal(leaf) => negated(&leaf).map(Operand::Literal),
                _ => Err(FilterError::Unsupported { part: "arithmetic" }),
            };
        }
        let mut arguments = call.target.iter().map(|target| &**target).chain(&call.args);
        match (call.func_name.as_str(), arguments.next(), arguments.next()) {
            ("size", Some(of), None) => Ok(Operand::Size(Box::new(self.operand(of)?))),
            (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY, ..)
            | (operators::DIVIDE | operators::MODULO, ..) => {
                Err(FilterError::Unsupported { part: "arithmetic" })
            }
            (operators::CONDITIONAL, ..) => Err(FilterError::Unsupported { part: "`? :`" }),
            (name, ..) => Err(unknown(name)),
        }
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<Operand, FilterError> {
        if elements.len() > FILTER_LIST_MAX {
            return Err(FilterError::ListTooLong);
        }
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            match self.operand(element)? {
                Operand::Literal(leaf) => items.push(leaf.to_json()),
                _ => {
                    return Err(FilterError::Unsupported { part: "a list of what is not written" });
                }
            }
        }
        let leaf = Leaf::from_json(&Json::Array(items));
        leaf.map(Operand::Literal).map_err(|_| FilterError::ListTooLong)
    }
}

fn root(name: &str) -> Result<Operand, FilterError> {
    match name {
        "record" => Ok(Operand::Field(Path::root())),
        "claims" => Ok(Operand::Claim(Path::root())),
        "params" => Ok(Operand::Param("".into())),
        _ => Err(FilterError::UnknownName { name: name.to_owned() }),
    }
}

/// Returns the member `name` of what an operand is.
fn below(of: Operand, name: &str) -> Result<Operand, FilterError> {
    let child = |path: &Path| path.child(name).map_err(|_| FilterError::Path);
    match of {
        Operand::Field(path) => Ok(Operand::Field(child(&path)?)),
        Operand::Claim(path) => Ok(Operand::Claim(child(&path)?)),
        Operand::Param(param) if param.is_empty() => Ok(Operand::Param(name.into())),
        Operand::Param(_) => Err(FilterError::Unsupported { part: "a member of a parameter" }),
        Operand::Literal(_) | Operand::Size(_) => {
            Err(FilterError::Unsupported { part: "a member of a value" })
        }
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn place(name: &str) -> Option<Place> {
    Some(match name {
        "startsWith" => Place::Start,
        "endsWith" => Place::End,
        "contains" => Place::Anywhere,
        _ => return None,
    })
}

fn unknown(name: &str) -> FilterError {
    FilterError::UnknownFunction { name: name.to_owned() }
}

fn literal_leaf(literal: &LiteralValue) -> Result<Leaf, FilterError> {
    let json = match literal {
        LiteralValue::Boolean(value) => Json::Bool(*value.inner()),
        LiteralValue::Int(number) => Json::Number(Number::from(*number.inner())),
        LiteralValue::UInt(number) => Json::Number(Number::from(*number.inner())),
        LiteralValue::Double(number) => {
            let number = Number::parse(&number.inner().to_string());
            Json::Number(number.map_err(|_| FilterError::Unsupported { part: "such a number" })?)
        }
        LiteralValue::String(text) => Json::String(text.inner().into()),
        LiteralValue::Null => Json::Null,
        LiteralValue::Bytes(_) => return Err(FilterError::Unsupported { part: "bytes" }),
    };
    Leaf::from_json(&json).map_err(|_| FilterError::Unsupported { part: "such a value" })
}

fn negated(leaf: &Leaf) -> Result<Leaf, FilterError> {
    let number = leaf.as_number().ok_or(FilterError::Unsupported { part: "arithmetic" })?;
    let negated = Leaf::from_json(&Json::Number(number.negated()));
    negated.map_err(|_| FilterError::Unsupported { part: "such a number" })
}
