//! What the JSON tests share: random documents, random ways to write them, and a plain reader that
//! owes nothing to the crate's own.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use syncline_model::json::{Json, Number, Object};

/// Texts of numbers, many of them different texts of one value.
pub(crate) fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-30_i64..30).prop_map(|n| n.to_string()),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        3 => (-200_i64..200, -4_i32..5).prop_map(|(n, e)| format!("{n}e{e}")),
        2 => (0_u32..50, 0_u32..50).prop_map(|(a, b)| format!("-{a}.{b}")),
        1 => "-?[1-9][0-9]{0,30}\\.[0-9]{1,30}(E[+-]?[0-9]{1,3})?",
        1 => "-?0(\\.0{1,3})?(e[+-]?0{0,2}[0-9])?",
    ]
}

/// Strings with what JSON treats specially: quotes, controls, pairs of surrogates, nothing.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '"', '\\', '/', '\n', '\t', '\u{0}', '\u{1f}', '\u{7f}', 'é', '€', '\u{e000}', '😀', '~',
        '*', ' ', 'a', 'b', '1', '-',
    ]);
    prop_oneof![
        3 => vec(special, 0..7).prop_map(|chars| chars.into_iter().collect()),
        2 => "[a-d]{0,2}",
        1 => "[a-z ]{0,40}",
    ]
}

/// Documents of every shape, at most a few levels deep.
pub(crate) fn json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number_text().prop_map(|text| Json::Number(Number::parse(&text).unwrap())),
        string().prop_map(Json::String),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Json::Array),
            2 => members(inner).prop_map(Json::Object),
        ]
    })
}

/// Objects of every shape.
pub(crate) fn object() -> impl Strategy<Value = Object> {
    members(json())
}

fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Object> {
    vec((string(), value), 0..6).prop_map(|members| members.into_iter().collect())
}

/// Writes a document with whitespace and escapes chosen by `choices`, which are used in a circle.
pub(crate) fn write_oddly(value: &Json, choices: &[u8]) -> String {
    let mut writer = OddWriter { choices, next: 0, out: String::new() };
    writer.space();
    writer.value(value);
    writer.space();
    writer.out
}

struct OddWriter<'c> {
    choices: &'c [u8],
    next: usize,
    out: String,
}

impl OddWriter<'_> {
    fn choose(&mut self) -> u8 {
        self.next += 1;
        self.choices[self.next % self.choices.len()]
    }

    fn space(&mut self) {
        let spaces = ["", "", " ", "\n          ", "\t\r\n", "  "];
        let choice = usize::from(self.choose());
        self.out.push_str(spaces[choice % spaces.len()]);
    }

    fn value(&mut self, value: &Json) {
        match value {
            Json::Array(elements) => {
                self.out.push('[');
                self.space();
                for (index, element) in elements.iter().enumerate() {
                    self.separate(index);
                    self.value(element);
                    self.space();
                }
                self.out.push(']');
            }
            Json::Object(object) => {
                self.out.push('{');
                self.space();
                for (index, (key, member)) in object.iter().enumerate() {
                    self.separate(index);
                    self.string(key);
                    self.space();
                    self.out.push(':');
                    self.space();
                    self.value(member);
                    self.space();
                }
                self.out.push('}');
            }
            Json::String(text) => self.string(text),
            scalar => self.out.push_str(&scalar.to_compact_string()),
        }
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push(',');
            self.space();
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            let must_escape = character < ' ' || character == '"' || character == '\\';
            if must_escape || self.choose().is_multiple_of(5) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.out.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                self.out.push(character);
            }
        }
        self.out.push('"');
    }
}

/// Tells whether a text is JSON as the model accepts it, by plain recursion over its characters.
///
/// It knows no limits of numbers.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut reader = PlainReader { chars: text.chars().collect(), at: 0 };
    reader.value(0).is_some() && {
        reader.space();
        reader.at == reader.chars.len()
    }
}

struct PlainReader {
    chars: Vec<char>,
    at: usize,
}

impl PlainReader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|c| [' ', '\t', '\r', '\n'].contains(&c)) {
            self.at += 1;
        }
    }

    fn value(&mut self, levels: usize) -> Option<()> {
        self.space();
        match self.peek()? {
            '{' => self.object(levels),
            '[' => self.array(levels),
            '"' => self.string().map(|_| ()),
            't' => self.word("true"),
            'f' => self.word("false"),
            'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, levels: usize) -> Option<()> {
        let mut keys = BTreeSet::new();
        self.take('{').filter(|()| levels < 64)?;
        self.space();
        if self.take('}').is_some() {
            return Some(());
        }
        loop {
            self.space();
            if !keys.insert(self.string()?) {
                return None;
            }
            self.space();
            self.take(':')?;
            self.value(levels + 1)?;
            self.space();
            if self.take(',').is_none() {
                return self.take('}');
            }
        }
    }

    fn array(&mut self, levels: usize) -> Option<()> {
        self.take('[').filter(|()| levels < 64)?;
        self.space();
        if self.take(']').is_some() {
            return Some(());
        }
        loop {
            self.value(levels + 1)?;
            self.space();
            if self.take(',').is_none() {
                return self.take(']');
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.chars().try_for_each(|c| self.take(c))
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take('-');
        if self.take('0').is_none() {
            self.digits()?;
        }
        if self.take('.').is_some() {
            self.digits()?;
        }
        if self.take('e').or_else(|| self.take('E')).is_some() {
            let _ = self.take('+').or_else(|| self.take('-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<String> {
        self.take('"')?;
        let mut units = Vec::new();
        loop {
            let character = self.peek()?;
            self.at += 1;
            match character {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => units.push(self.escape()?),
                control if control < ' ' => return None,
                plain => units.extend_from_slice(plain.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let kind = self.peek()?;
        self.at += 1;
        if kind == 'u' {
            let digits: String = self.chars.get(self.at..self.at + 4)?.iter().collect();
            self.at += 4;
            let all_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
            return u16::from_str_radix(&digits, 16).ok().filter(|_| all_hex);
        }
        let pairs = [('"', '"'), ('\\', '\\'), ('/', '/'), ('b', '\u{8}'), ('f', '\u{c}')];
        let lines = [('n', '\n'), ('r', '\r'), ('t', '\t')];
        let found = pairs.iter().chain(&lines).find(|(letter, _)| *letter == kind)?;
        u16::try_from(u32::from(found.1)).ok()
    }
}
