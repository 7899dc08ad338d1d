//! Plain writers at one hub, read and written in turn.

use syncline_merge::commit::Site;
use syncline_merge::display::{Fields, to_object, visible};
use syncline_merge::plain::{Base, Intent, Notice, Reading, take};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Json;
use syncline_model::json::fields::flatten;
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;

/// One record at one hub, and any number of plain writers that are read and written in turn.
pub(crate) struct Desk {
    pub(crate) rules: EntityRules,
    pub(crate) record: Option<Record>,
    pub(crate) clock: Clock,
    pub(crate) now_ms: u64,
    pub(crate) bases: Vec<(Writer, Option<Base>)>,
    pub(crate) notices: Vec<Notice>,
}

impl Desk {
    pub(crate) fn new(rules: EntityRules) -> Self {
        let clock = Clock::default();
        Self { rules, record: None, clock, now_ms: 1_000, bases: vec![], notices: vec![] }
    }

    pub(crate) fn base(&mut self, writer: &str) -> &mut Option<Base> {
        let name = Writer::new(writer).unwrap();
        if !self.bases.iter().any(|(w, _)| *w == name) {
            self.bases.push((name.clone(), None));
        }
        &mut self.bases.iter_mut().find(|(w, _)| *w == name).unwrap().1
    }

    /// Reads what a writer holds.
    pub(crate) fn read(&mut self, writer: &str, holds: Option<&str>) {
        self.now_ms += 10;
        let name = Writer::new(writer).unwrap();
        let fields = holds.map(|text| flatten(text.as_bytes()).unwrap());
        let base = self.base(writer).take();
        let edited = Clock::new(self.now_ms, 0);
        let reading =
            Reading { fields: fields.as_ref(), writer: &name, edited, timed: true, written: None };
        let floor = Version::new();
        let mut site = Site {
            id: SiteId(1),
            clock: &mut self.clock,
            now_ms: self.now_ms,
            floor: &floor,
            lost: &[],
        };
        let taken = take(self.record.take(), base, &reading, &self.rules, &mut site).unwrap();
        self.record = taken.record;
        self.notices.extend(taken.notices);
        *self.base(writer) = taken.base;
    }

    pub(crate) fn shown(&self, writer: &str) -> Option<Fields> {
        let name = Writer::new(writer).unwrap();
        self.record.as_ref().and_then(|record| visible(record, &self.rules, Some(&name)))
    }

    /// Writes what the hub shows to a writer and confirms it; answers what the writer holds.
    pub(crate) fn write(&mut self, writer: &str) -> Option<String> {
        let name = Writer::new(writer).unwrap();
        let rendering = self.shown(writer);
        let token = Token::of(self.record.as_ref().unwrap(), &self.rules, Some(&name), &[]);
        *self.base(writer) = Some(Base { rendering: rendering.clone(), token, ..Base::default() });
        rendering.map(|fields| Json::Object(to_object(&fields)).to_compact_string())
    }

    /// As [`write`](Self::write), to a writer that is not shown a field: it keeps what it holds there,
    /// and has seen nothing new of it.
    pub(crate) fn write_but(&mut self, writer: &str, withheld: &str) -> Option<String> {
        let name = Writer::new(writer).unwrap();
        let withheld = Path::parse(withheld).unwrap();
        let earlier = self.base(writer).clone().unwrap_or_default();
        let of = |fields: &Fields, is_withheld: bool| -> Fields {
            let fields = fields.iter().filter(|(path, _)| (*path == withheld) == is_withheld);
            fields.cloned().collect()
        };
        let rendering = self.shown(writer).map(|shown| {
            let mut rendering = of(&shown, false);
            rendering.extend(earlier.rendering.iter().flat_map(|held| of(held, true)));
            rendering.sort();
            rendering
        });
        let record = self.record.as_ref().unwrap();
        let mut token =
            Token::of(record, &self.rules, Some(&name), std::slice::from_ref(&withheld));
        token.keep(&withheld, &earlier.token);
        let intent = Some(Intent { rendering: rendering.clone(), token });
        *self.base(writer) = Some(Base { intent, ..earlier }.with_intent_written());
        rendering.map(|fields| Json::Object(to_object(&fields)).to_compact_string())
    }
}

pub(crate) fn rules(fields: &[(&str, Shape, Rule)]) -> EntityRules {
    let fields = fields.iter().cloned().map(|(pattern, shape, rule)| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule,
    });
    EntityRules { fields: fields.collect(), ..EntityRules::default() }
}
