//! Writing JSON text piece by piece, and the pieces that both forms share.

use std::fmt::Display;
use std::fmt::Write as _;

use syncline_merge::display::Fields;
use syncline_merge::text::ot::{Component, TextDigest, TextOperation};
use syncline_model::base64url;
use syncline_model::json::fields::unflatten;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;

use crate::delta::{Delta, Kind};

/// JSON text under way. Commas come by themselves.
#[derive(Default)]
pub(crate) struct JsonText {
    out: String,
}

impl JsonText {
    pub(crate) fn into_string(self) -> String {
        self.out
    }

    /// Opens an object or an array, or closes one.
    pub(crate) fn open(&mut self, bracket: char) -> &mut Self {
        self.separate();
        self.out.push(bracket);
        self
    }

    pub(crate) fn close(&mut self, bracket: char) -> &mut Self {
        self.out.push(bracket);
        self
    }

    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.string(key);
        self.out.push(':');
        self
    }

    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.separate();
        let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.out.push('"');
            self.out.push_str(text);
            self.out.push('"');
        } else {
            self.out.push_str(Leaf::string(text).as_str());
        }
        self
    }

    /// Writes what is JSON already: a number, a value, a part that was written before.
    pub(crate) fn raw(&mut self, json: impl Display) -> &mut Self {
        self.separate();
        let _ = write!(self.out, "{json}");
        self
    }

    fn separate(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }

    /// Writes strings as an array.
    pub(crate) fn strings<'s>(&mut self, texts: impl IntoIterator<Item = &'s str>) -> &mut Self {
        self.open('[');
        for text in texts {
            self.string(text);
        }
        self.close(']')
    }

    /// Writes a record as an object.
    pub(crate) fn record(&mut self, fields: &Fields) -> &mut Self {
        self.object(fields, |text, leaf| {
            text.separate();
            text.out.push_str(leaf.as_str());
        })
    }

    /// Writes a record as an object, in canonical form.
    pub(crate) fn canonical_record(&mut self, fields: &Fields) -> &mut Self {
        // Fields are in the order of the bytes of their paths. That is the order of the names in UTF-16, unless one has an
        // escape or a character from U+E000 on.
        let is_in_order = |byte: u8| byte < 0xEE && byte != b'~';
        if !fields.iter().all(|(path, _)| path.as_str().bytes().all(is_in_order))
            && let Ok(object) = unflatten(fields.iter().map(|(path, leaf)| (path, leaf)))
        {
            return self.raw(Json::Object(object).to_canonical_string());
        }
        self.object(fields, |text, leaf| {
            text.raw(leaf.canonical());
        })
    }

    fn object(&mut self, fields: &Fields, write: impl Fn(&mut Self, &Leaf)) -> &mut Self {
        self.open('{');
        let mut above = Path::root();
        for (path, leaf) in fields {
            let mut inner = path.strip_prefix(&above);
            while inner.is_none() {
                self.close('}');
                above = above.parent().unwrap_or_else(Path::root);
                inner = path.strip_prefix(&above);
            }
            let inner = inner.unwrap_or_else(Path::root);
            let mut keys = inner.segments().peekable();
            while let Some(key) = keys.next() {
                self.key(&key);
                if keys.peek().is_some() {
                    self.open('{');
                    above = above.within_key(&key);
                }
            }
            write(self, leaf);
        }
        for _ in 0..above.depth() {
            self.close('}');
        }
        self.close('}')
    }

    /// Writes an edit of a text.
    pub(crate) fn edit(&mut self, edit: &TextOperation) -> &mut Self {
        self.open('[');
        if let Some(TextDigest(digest)) = edit.made_for() {
            self.open('{').key("of").string(&format!("{digest:016x}")).close('}');
        }
        for component in edit.components() {
            match component {
                Component::Retain(chars) => self.raw(chars),
                Component::Delete(chars) => self.raw(format_args!("-{chars}")),
                Component::Insert(text) => self.string(text),
            };
        }
        self.close(']')
    }

    /// Writes a delta.
    pub(crate) fn delta(&mut self, delta: &Delta) -> &mut Self {
        let Delta { kind, bytes, digest, frame } = delta;
        let number = Kind::ALL.iter().position(|known| known == kind);
        self.open('[').raw(number.unwrap_or_default()).raw(bytes);
        self.string(&format!("{digest:032x}")).string(&base64url::encode(frame)).close(']')
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::json::fields::flatten;
    use syncline_model::json::parse;

    use super::*;

    #[test]
    fn a_record_is_written_as_its_object() {
        let cases = [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":{"b":{"c":1,"d":{}},"e":[{"f":1}]},"a-b":{"g":"\n\""},"h~/":{"":{"":1}},"i":1.10}"#,
            r#"{"":{"":{}},"a":{"b":{"c":{"d":1}}},"b":{"b":2}}"#,
        ];
        for case in cases {
            let mut text = JsonText::default();
            text.record(&flatten(case.as_bytes()).unwrap());
            assert_eq!(parse(text.into_string().as_bytes()), parse(case.as_bytes()), "{case}");
        }
    }
}
