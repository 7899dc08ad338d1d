//! A JSON Schema as types: that of a record, and those that its references lead to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use syncline_model::json::{Json, Number, Object};
use syncline_model::limits::DEPTH_MAX;

use super::name::{Names, pascal};
use super::text::{Form, Member, string};

/// Largest whole number up to which the platform's numbers hold every one, and its opposite.
const WHOLE_MAX: i64 = (1 << 53) - 1;
/// Formats of numbers that the platform's hold.
const NUMBER_FORMATS: [&str; 8] =
    ["double", "float", "int8", "int16", "int32", "uint8", "uint16", "uint32"];
/// Most types that references of one schema lead to; what is beyond is `Json`.
const DEFINITIONS_MAX: usize = 1_000;

/// How numbers are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// `number | Decimal`, unless the schema bounds them to what the platform's numbers hold.
    Exact,
    /// `number`, whatever the schema says.
    Plain,
}

/// A type with its name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) comment: Vec<String>,
    pub(super) form: Form,
}

/// Returns the type of an entity's records, called `name`, and those that it refers to.
pub(super) fn read(schema: &Json, name: String, numbers: Numbers, names: &mut Names) -> Vec<Named> {
    let mut reader = Reader {
        root: schema,
        record: name.clone(),
        numbers,
        names,
        known: BTreeMap::from([(String::new(), name.clone())]),
        waiting: VecDeque::from([(schema, name)]),
    };
    let mut named = Vec::new();
    while let Some((schema, name)) = reader.waiting.pop_front() {
        let form = reader.form(schema, 0);
        named.push(Named { name, comment: comment_of(schema), form });
    }
    open_circles(&mut named);
    if let Some(record) = named.first_mut().filter(|record| record.form.is_json()) {
        record.form = Form::word("JsonObject");
    }
    named
}

/// A type that is itself, by whichever way, is none that TypeScript takes, and says nothing: `Json`.
fn open_circles(named: &mut [Named]) {
    for index in 0..named.len() {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![index];
        while let Some(at) = waiting.pop() {
            let Some(one) = named.get(at) else { continue };
            one.form.each_own_word(&mut |word| {
                let next = named.iter().position(|other| other.name == word);
                waiting.extend(next.filter(|next| seen.insert(*next)));
            });
        }
        if let Some(one) = named.get_mut(index).filter(|_| seen.contains(&index)) {
            one.form = Form::json();
        }
    }
}

/// Returns what a schema says of what it describes.
pub(super) fn comment_of(schema: &Json) -> Vec<String> {
    let Some(schema) = schema.as_object() else { return Vec::new() };
    let text = |keyword: &str| schema.get(keyword).and_then(Json::as_str);
    let mut comment = Vec::new();
    comment.extend(text("title").map(str::to_owned));
    comment.extend(text("description").map(str::to_owned));
    comment.extend(text("format").map(|format| format!("Format: {format}.")));
    if schema.get("deprecated").and_then(Json::as_bool) == Some(true) {
        comment.push("@deprecated".to_owned());
    }
    comment
}

struct Reader<'s> {
    root: &'s Json,
    /// The type of the record.
    record: String,
    numbers: Numbers,
    names: &'s mut Names,
    /// Types by the JSON pointer of their schemas.
    known: BTreeMap<String, String>,
    waiting: VecDeque<(&'s Json, String)>,
}

impl<'s> Reader<'s> {
    fn form(&mut self, schema: &'s Json, depth: usize) -> Form {
        if schema.as_bool() == Some(false) {
            return Form::word("never");
        }
        let Some(schema) = schema.as_object().filter(|_| depth <= DEPTH_MAX) else {
            return Form::json();
        };
        let mut parts = vec![self.own(schema, depth)];
        if let Some(reference) = schema.get("$ref") {
            parts.push(reference.as_str().map_or_else(Form::json, |text| self.reference(text)));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(choices) = schema.get(keyword).and_then(Json::as_array) {
                parts
                    .push(Form::any(choices.iter().map(|one| self.form(one, depth + 1)).collect()));
            }
        }
        if let Some(all) = schema.get("allOf").and_then(Json::as_array) {
            parts.extend(all.iter().map(|one| self.form(one, depth + 1)).collect::<Vec<_>>());
        }
        let form = Form::all(parts);
        match schema.get("nullable").and_then(Json::as_bool) {
            Some(true) => Form::any(vec![form, Form::word("null")]),
            _ => form,
        }
    }

    /// Returns what a schema says without the schemas that it refers to.
    fn own(&mut self, schema: &'s Object, depth: usize) -> Form {
        if let Some(value) = schema.get("const") {
            return literal(value);
        }
        if let Some(values) = schema.get("enum").and_then(Json::as_array) {
            return Form::any(values.iter().map(literal).collect());
        }
        match schema.get("type") {
            Some(Json::String(kind)) => self.of_type(kind, schema, depth),
            Some(Json::Array(kinds)) => {
                let kinds = kinds.iter().map(|kind| match kind.as_str() {
                    Some(kind) => self.of_type(kind, schema, depth),
                    None => Form::json(),
                });
                Form::any(kinds.collect())
            }
            _ if schema.contains_key("properties") => self.object(schema, depth),
            _ => Form::json(),
        }
    }

    fn of_type(&mut self, kind: &str, schema: &'s Object, depth: usize) -> Form {
        match kind {
            "string" | "boolean" | "null" => Form::word(kind),
            "number" | "integer" => self.number(schema, kind == "integer"),
            "array" => {
                let items = schema.get("items").filter(|items| items.as_array().is_none());
                let is_tuple = schema.contains_key("prefixItems");
                let items = items.filter(|_| !is_tuple);
                Form::Array(Box::new(
                    items.map_or_else(Form::json, |one| self.form(one, depth + 1)),
                ))
            }
            "object" => self.object(schema, depth),
            _ => Form::json(),
        }
    }

    fn number(&self, schema: &Object, is_whole: bool) -> Form {
        let format = schema.get("format").and_then(Json::as_str);
        let bound = |keyword: &str| schema.get(keyword)?.as_number()?.to_i64();
        let (low, high) = (
            bound("minimum").or_else(|| bound("exclusiveMinimum")),
            bound("maximum").or_else(|| bound("exclusiveMaximum")),
        );
        let is_bound =
            low.is_some_and(|low| low >= -WHOLE_MAX) && high.is_some_and(|high| high <= WHOLE_MAX);
        let is_held =
            is_whole && is_bound || format.is_some_and(|one| NUMBER_FORMATS.contains(&one));
        match self.numbers {
            Numbers::Exact if !is_held => {
                Form::any(vec![Form::word("number"), Form::word("Decimal")])
            }
            _ => Form::word("number"),
        }
    }

    fn object(&mut self, schema: &'s Object, depth: usize) -> Form {
        let further = schema.get("additionalProperties");
        let properties =
            schema.get("properties").and_then(Json::as_object).filter(|all| !all.is_empty());
        let Some(properties) = properties else {
            return match further {
                Some(Json::Object(_)) => further
                    .map_or_else(Form::json, |one| Form::Map(Box::new(self.form(one, depth + 1)))),
                _ => Form::word("JsonObject"),
            };
        };
        let required: BTreeSet<&str> = match schema.get("required").and_then(Json::as_array) {
            Some(names) => names.iter().filter_map(Json::as_str).collect(),
            None => BTreeSet::new(),
        };
        let members = properties.iter().map(|(name, inner)| Member {
            name: name.to_owned(),
            is_required: required.contains(name),
            comment: comment_of(inner),
            form: self.form(inner, depth + 1),
        });
        // What may not be there is no member: one of type `never` would keep the record from being JSON.
        let is_possible =
            |member: &Member| member.is_required || member.form != Form::word("never");
        Form::Object(members.filter(is_possible).collect())
    }

    /// Returns the type of a schema elsewhere in the document; of another document nothing is known.
    fn reference(&mut self, text: &str) -> Form {
        let Some(pointer) = text.strip_prefix('#').and_then(unescape) else { return Form::json() };
        if let Some(name) = self.known.get(&pointer) {
            return Form::word(name);
        }
        let steps: Vec<&str> = pointer.split('/').skip(1).collect();
        let found = steps.iter().try_fold(self.root, |at, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match at {
                Json::Object(members) => members.get(&step),
                Json::Array(elements) => elements.get(step.parse::<usize>().ok()?),
                _ => None,
            }
        });
        let (Some(found), true) = (found, pointer.starts_with('/')) else { return Form::json() };
        if self.known.len() > DEFINITIONS_MAX {
            return Form::json();
        }
        let name = format!("{}{}", self.record, pascal(steps.last().unwrap_or(&"")));
        let name = self.names.take(&[name]);
        self.known.insert(pointer, name.clone());
        self.waiting.push_back((found, name.clone()));
        Form::Word(name)
    }
}

/// Returns a JSON pointer without the escapes of an address, as `#/$defs/a%20b`.
fn unescape(pointer: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Returns the type of one value.
fn literal(value: &Json) -> Form {
    match value {
        Json::String(text) => Form::Word(string(text)),
        Json::Number(number) if is_held(number) => Form::Word(number.canonical()),
        Json::Number(_) => Form::word("Decimal"),
        Json::Bool(true) => Form::word("true"),
        Json::Bool(false) => Form::word("false"),
        Json::Null => Form::word("null"),
        Json::Array(_) | Json::Object(_) => Form::json(),
    }
}

/// Returns whether the platform's numbers hold this one: it comes back as it was.
fn is_held(number: &Number) -> bool {
    let read: f64 = number.as_str().parse().unwrap_or(f64::NAN);
    let back = read.is_finite().then(|| Number::parse(&format!("{read:e}")).ok()).flatten();
    back.is_some_and(|back| back.canonical() == number.canonical())
}
