//! Edits of texts by writers who have seen what a hub that was put back lacks.

use syncline_merge::commit::{Committed, Site, operate};
use syncline_merge::display::visible;
use syncline_merge::error::Refusal;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_merge::state::Record;
use syncline_merge::text::ot::{TextDigest, TextOperation};
use syncline_merge::token::{Context, Token};
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;

/// The hub before it was lost, and after it was put back.
const BEFORE: SiteId = SiteId(1);
const AFTER: SiteId = SiteId(2);

fn rules() -> EntityRules {
    let pattern = Pattern::parse("/body").unwrap();
    let fields = vec![FieldRules { pattern, shape: Shape::Text, rule: Rule::Latest }];
    EntityRules { fields, ..EntityRules::default() }
}

fn commit(
    record: Option<Record>,
    at: SiteId,
    field: FieldOperation,
    base: Option<Token>,
) -> Result<Record, Refusal> {
    let mut clock = record.as_ref().map_or(Clock::default(), Record::clock_max);
    let lost: &[SiteId] = if at == AFTER { &[BEFORE] } else { &[] };
    let mut site = Site { id: at, clock: &mut clock, now_ms: 1_000, floor: &Version::new(), lost };
    let operation = Operation {
        effect: Effect::Write(vec![field]),
        writer: Writer::new("somebody").unwrap(),
        edited: Clock::new(1_000, 0),
        timed: true,
    };
    let context = Context { base, ..Context::default() };
    operate(record, &operation, &context, &rules(), &mut site)
        .map(|Committed { record, .. }| record)
}

fn text(record: &Record) -> String {
    let fields = visible(record, &rules(), None).unwrap();
    fields[0].1.as_string().unwrap().into_owned()
}

/// Makes the text another one.
fn edit(record: &Record, to: &str) -> FieldOperation {
    let edit = TextOperation::from_diff(&text(record), to).unwrap();
    FieldOperation::EditText { path: Path::parse("/body").unwrap(), edit }
}

fn saying(field: FieldOperation, of: &str) -> FieldOperation {
    let FieldOperation::EditText { path, edit } = field else { panic!("an edit of a text") };
    FieldOperation::EditText { path, edit: edit.made_for_text(TextDigest::of(of)) }
}

fn token(record: &Record) -> Option<Token> {
    Some(Token::of(record, &rules(), None, &[]))
}

#[test]
fn an_edit_fits_no_other_text_of_its_length_where_something_was_lost() {
    let path = Path::parse("/body").unwrap();
    let begun = FieldOperation::BeginText { path, text: "four three ".into() };
    let backup = commit(None, BEFORE, begun, None).unwrap();
    let to = |record: &Record, text: &str| {
        commit(Some(record.clone()), BEFORE, edit(record, text), token(record)).unwrap()
    };
    let longer = to(&backup, "four three nine ");
    let seen = to(&longer, "three nine ");
    assert_eq!(text(&seen).len(), text(&backup).len());

    let resent = |field, base| commit(Some(backup.clone()), AFTER, field, base);
    let refused = Err(Refusal::TextEdit { path: Path::parse("/body").unwrap() });
    // Of the backup's text it would leave "four t".
    let removal = edit(&seen, "three ");
    assert_eq!(resent(removal.clone(), token(&seen)), refused, "it does not say which text");
    let said = saying(removal, "three nine ");
    assert_eq!(resent(said, token(&seen)), refused, "it is another one");
    // What others have lost does not matter to a text that is the same.
    let known = saying(edit(&backup, "four three two "), "four three ");
    let applied = resent(known, token(&seen)).unwrap();
    assert_eq!(text(&applied), "four three two ");
    // Nor does a base that has seen nothing that is lost.
    let applied = resent(edit(&backup, "five four three "), token(&backup)).unwrap();
    assert_eq!(text(&applied), "five four three ");
}
