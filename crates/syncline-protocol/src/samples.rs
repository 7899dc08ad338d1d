//! Random messages for the tests of both forms. Numbers keep other digits than their canonical ones,
//! names need escapes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Component, TextDigest, TextOperation};
use syncline_model::cursor::Incarnation;
use syncline_model::id::{ClientId, EntityName, Position, RecordId, Writer};
use syncline_model::json::{Leaf, Number, Object};
use syncline_model::path::Path;

use crate::change::{Change, Content, Gone, OpenConflict};
use crate::cursor::{Scope, SnapshotPlace, StreamCursor};
use crate::delta::{Delta, Kind};
use crate::holdings::{Holdings, Run, Same, Stretch};
use crate::limits::{COUNTER_MAX, MESSAGE_BYTES_MAX, WINDOW_MAX};
use crate::message::{
    ClientMessage, Coding, Follow, Hello, HubMessage, Keeping, Page, PushAnswer, Sent, Welcome,
};
use crate::operation::Operation;
use crate::order::normalised;
use crate::outcome::{Outcome, Seen, Shown, Status};
use crate::part::sorted;
use crate::problem::Problem;
use crate::time::TIME_MS_MAX;
use crate::token::TokenText;

/// The hub that the cursors are of, but for some.
pub(crate) const INCARNATION: Incarnation = Incarnation(0x5eed);

fn path() -> impl Strategy<Value = Path> {
    let names = vec!["/a", "/a/b", "/a/b/c", "/a-b", "/d/e", "/f~1g", "/ü", "/0", "/\"", "/"];
    select(names).prop_map(|path| Path::parse(path).unwrap())
}

fn value() -> impl Strategy<Value = Leaf> {
    let values = vec![
        "null",
        "true",
        "1.10",
        "-12345678901234567890.5e-3",
        "{}",
        "[]",
        "\"x\"",
        "\"\\n\\\"é\"",
        "[1,{\"b\":[{}],\"a\":\"\\u0001\"}]",
    ];
    select(values).prop_map(|value| Leaf::parse(value).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    select(vec!["", "x", "größe", "\"quoted\"\n", "😀"]).prop_map(String::from)
}

fn edit() -> impl Strategy<Value = TextOperation> {
    let component = prop_oneof![
        (1..9_usize).prop_map(Component::Retain),
        (1..9_usize).prop_map(Component::Delete),
        text().prop_map(Component::Insert),
    ];
    let edit = vec(component, 0..5).prop_map(|components| TextOperation::new(components).unwrap());
    (edit, option::of(any::<u64>())).prop_map(|(edit, digest)| match digest {
        Some(digest) => edit.made_for_text(TextDigest(digest)),
        None => edit,
    })
}

fn number() -> impl Strategy<Value = Number> {
    select(vec!["1", "-0.50", "1e3", "12345678901234567890"])
        .prop_map(|number| Number::parse(number).unwrap())
}

fn flat_operation() -> impl Strategy<Value = FieldOperation> {
    prop_oneof![
        (path(), value()).prop_map(|(path, value)| FieldOperation::Set { path, value }),
        path().prop_map(|path| FieldOperation::Unset { path }),
        (path(), number()).prop_map(|(path, by)| FieldOperation::Increment { path, by }),
        path().prop_map(|path| FieldOperation::Reset { path }),
        (path(), value()).prop_map(|(path, element)| FieldOperation::Add { path, element }),
        (path(), value()).prop_map(|(path, element)| FieldOperation::Remove { path, element }),
        (path(), value()).prop_map(|(path, value)| FieldOperation::Append {
            path,
            value,
            id: None
        }),
        (path(), text()).prop_map(|(path, text)| FieldOperation::BeginText { path, text }),
        (path(), edit()).prop_map(|(path, edit)| FieldOperation::EditText { path, edit }),
        (path(), text())
            .prop_map(|(path, key)| FieldOperation::RemoveMember { path, key: key.into() }),
    ]
}

/// Operations in the order in which they are carried out.
fn in_order(operations: Vec<FieldOperation>) -> Vec<FieldOperation> {
    let mut kept: Vec<FieldOperation> = Vec::new();
    for operation in operations {
        let more = kept.iter().cloned().chain([operation]).collect();
        kept = normalised(more).unwrap_or(kept);
    }
    kept
}

pub(crate) fn field_operations() -> impl Strategy<Value = Vec<FieldOperation>> {
    let flat = || vec(flat_operation(), 0..5).prop_map(in_order);
    let put = |inner: BoxedStrategy<Vec<FieldOperation>>| {
        (path(), text(), any::<bool>(), inner).prop_map(|(path, key, create, fields)| {
            FieldOperation::PutMember { path, key: key.into(), create, fields }
        })
    };
    let inner = (flat(), vec(put(flat().boxed()), 0..2))
        .prop_map(|(flat, puts)| in_order(flat.into_iter().chain(puts).collect()));
    (vec(flat_operation(), 1..6), vec(put(inner.boxed()), 0..3))
        .prop_map(|(flat, puts)| in_order(flat.into_iter().chain(puts).collect()))
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![1 => Just(Effect::Delete), 9 => field_operations().prop_map(Effect::Write)]
}

fn entity() -> impl Strategy<Value = EntityName> {
    select(vec!["tasks", "notes", "a \"b\""]).prop_map(|name| EntityName::new(name).unwrap())
}

fn id() -> impl Strategy<Value = RecordId> {
    select(vec!["t1", "жмых/1", "0"]).prop_map(|id| RecordId::new(id).unwrap())
}

/// Those of an operation are in fields that nothing else of it sets.
fn deltas() -> impl Strategy<Value = Vec<(Path, Delta)>> {
    let at = select(vec!["/y", "/z/1"]).prop_map(|path| Path::parse(path).unwrap());
    let frame = vec(any::<u8>(), 0..9).prop_map(Vec::into_boxed_slice);
    let delta = (select(Kind::ALL.to_vec()), 0..MESSAGE_BYTES_MAX, any::<u128>(), frame)
        .prop_map(|(kind, bytes, digest, frame)| Delta { kind, bytes, digest, frame });
    proptest::collection::btree_map(at, delta, 0..2).prop_map(|all| all.into_iter().collect())
}

fn token() -> impl Strategy<Value = TokenText> {
    "[A-Za-z0-9_-]{1,40}".prop_map(|text| TokenText::new(&text).unwrap())
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let head = (1..=COUNTER_MAX, entity(), id(), option::of(token()));
    (head, effect(), deltas(), 0..=TIME_MS_MAX, vec(any::<u64>(), 0..3)).prop_map(
        |((counter, entity, id, base), effect, deltas, edited_ms, after)| {
            let after = after.into_iter().map(|before| before % counter);
            let after = after.filter(|before| *before > 0).collect();
            let deltas = if effect == Effect::Delete { Vec::new() } else { deltas };
            Operation { counter, entity, id, base, effect, deltas, edited_ms, after }
        },
    )
}

pub(crate) fn record() -> impl Strategy<Value = Fields> {
    vec((path(), value()), 0..6).prop_map(|fields| {
        fields.into_iter().fold(Fields::new(), |kept, field| {
            sorted(kept.iter().cloned().chain([field]).collect()).unwrap_or(kept)
        })
    })
}

fn shown() -> impl Strategy<Value = Shown> {
    let but = (record(), vec(path(), 0..3)).prop_map(|(set, unset)| {
        let is_told = !set.is_empty() || !unset.is_empty();
        if is_told { Shown::But { set, unset } } else { Shown::AsPredicted }
    });
    prop_oneof![Just(Shown::AsPredicted), but, option::of(record()).prop_map(Shown::Record),]
}

pub(crate) fn problem() -> impl Strategy<Value = Problem> {
    (text(), text(), any::<bool>()).prop_map(|(code, detail, is_retryable)| Problem {
        code: code.into(),
        detail: detail.into(),
        is_retryable,
    })
}

fn seen() -> impl Strategy<Value = Seen> {
    (0..=COUNTER_MAX, token())
        .prop_map(|(position, version)| Seen { position: Position(position), version })
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    let status = select(Status::ALL.to_vec());
    let conflicts = vec(text().prop_map(String::into_boxed_str), 0..3);
    let problem = option::of(problem().prop_map(Box::new));
    let open = vec(open_conflict(), 0..3);
    (1..=COUNTER_MAX, status, option::of(seen()), shown(), conflicts, open, problem).prop_map(
        |(counter, status, seen, shown, conflicts, open, problem)| Outcome {
            counter,
            status,
            seen,
            shown,
            conflicts,
            open,
            problem,
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let text = proptest::collection::btree_map(path(), edit(), 0..2);
    let fields =
        (record(), vec(path(), 0..3), text, deltas()).prop_map(|(set, unset, text, deltas)| {
            let text = text.into_iter().collect();
            Content::Fields { set, unset, text, deltas }
        });
    prop_oneof![
        record().prop_map(Content::Record),
        fields,
        select(vec![Gone::Deleted, Gone::Unscoped]).prop_map(Content::Gone),
    ]
}

fn open_conflict() -> impl Strategy<Value = OpenConflict> {
    let at = prop_oneof![path(), Just(Path::root())];
    (text(), at).prop_map(|(id, path)| OpenConflict { id: id.into(), path })
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let by = select(vec!["phone-7", "a \"b\""]).prop_map(|name| Writer::new(name).unwrap());
    (entity(), id(), seen(), content(), option::of(by), vec(open_conflict(), 0..3)).prop_map(
        |(entity, id, seen, content, by, conflicts)| Change {
            entity,
            id,
            seen,
            content,
            by,
            conflicts,
        },
    )
}

pub(crate) fn cursor() -> impl Strategy<Value = StreamCursor> {
    let place = prop_oneof![
        (entity(), id()).prop_map(|(entity, id)| SnapshotPlace::Record { entity, id }),
        vec(any::<u8>(), 1..60).prop_map(|bytes| SnapshotPlace::Sealed(bytes.into())),
    ];
    let scope = option::weighted(0.3, any::<[u8; 8]>().prop_map(Scope));
    let incarnation = prop_oneof![4 => Just(INCARNATION), 1 => Just(Incarnation(1))];
    let at = prop_oneof![0..=COUNTER_MAX, Just(0)];
    (incarnation, at, option::weighted(0.3, place), scope).prop_map(
        |(incarnation, at, snapshot, scope)| StreamCursor {
            snapshot: snapshot.map(Box::new),
            scope,
            ..StreamCursor::at_position(incarnation, Position(at))
        },
    )
}

pub(crate) fn page() -> impl Strategy<Value = Page> {
    let run = (0..2_048_u32, 1..2_048_u32).prop_map(|(first, count)| Run { first, count });
    let same = (0..=COUNTER_MAX, vec(run, 0..3))
        .prop_map(|(at, stretches)| Same { position: Position(at), stretches });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (vec(change(), 0..5), cursor(), flags, option::weighted(0.3, same)).prop_map(
        |(changes, cursor, (more, is_snapshot, begins), same)| Page {
            changes,
            cursor,
            more,
            is_snapshot,
            begins: begins && is_snapshot,
            same,
        },
    )
}

fn holdings() -> impl Strategy<Value = Holdings> {
    let sum = "[0-9a-f]{32}".prop_map(|sum| sum.parse().unwrap());
    proptest::collection::btree_map((entity(), id()), sum, 0..4).prop_map(|stretches| {
        let stretch = |(last, checksum)| Stretch { last, checksum };
        Holdings::new(stretches.into_iter().map(stretch).collect()).unwrap()
    })
}

pub(crate) fn answer() -> impl Strategy<Value = PushAnswer> {
    (vec(outcome(), 0..5), 0..=COUNTER_MAX)
        .prop_map(|(outcomes, at)| PushAnswer { outcomes, position: Position(at) })
}

fn codings() -> impl Strategy<Value = Vec<Coding>> {
    proptest::sample::subsequence(Coding::READ.to_vec(), 0..=Coding::READ.len())
}

pub(crate) fn sent() -> impl Strategy<Value = Vec<Sent>> {
    vec(operation().prop_map(Ok), 0..5)
}

pub(crate) fn client_message() -> impl Strategy<Value = ClientMessage> {
    let follow = (vec(entity(), 0..3), option::of(cursor()), any::<bool>()).prop_map(
        |(entities, cursor, holds)| Follow { holds, ..Follow::entities(entities).at(cursor) },
    );
    let view =
        (select(vec!["mine", "of a team"]), option::of(cursor())).prop_map(|(name, cursor)| {
            let mut params = Object::new();
            params.insert("team", name);
            Follow::view(name, params).at(cursor)
        });
    let follow = prop_oneof![follow, view];
    let client = ClientId::new("phone-7").unwrap();
    let hello = (any::<u32>(), vec(follow, 0..3), codings(), 1..=WINDOW_MAX).prop_map(
        move |(protocol, views, accept, window)| {
            ClientMessage::Hello(Hello { protocol, client: client.clone(), views, accept, window })
        },
    );
    prop_oneof![
        hello,
        sent().prop_map(ClientMessage::Push),
        (0..64_u32, cursor()).prop_map(|(view, cursor)| ClientMessage::Ack { view, cursor }),
        (0..64_u32).prop_map(|view| ClientMessage::Check { view }),
        (0..64_u32, any::<bool>())
            .prop_map(|(view, is_equal)| ClientMessage::Checked { view, is_equal }),
        (0..64_u32, holdings())
            .prop_map(|(view, holdings)| ClientMessage::Holds { view, holdings }),
    ]
}

pub(crate) fn hub_message() -> impl Strategy<Value = HubMessage> {
    let numbers = (any::<u32>(), 0..=COUNTER_MAX, any::<u32>());
    let position = || (0..=COUNTER_MAX).prop_map(Position);
    let keeping = (option::of(position()), prop_oneof![Just(0), 0..=COUNTER_MAX])
        .prop_map(|(backed_up, floor)| Keeping { backed_up, floor });
    let limits = (0..1_000_usize, 0..1_000_usize);
    let sum = "[0-9a-f]{32}".prop_map(|sum| sum.parse().unwrap());
    let welcome = (numbers, codings(), limits, keeping).prop_map(
        |((protocol, heartbeat_ms, window), accept, limits, keeping)| {
            let (push_operations_max, message_bytes_max) = limits;
            HubMessage::Welcome(Welcome {
                protocol,
                incarnation: INCARNATION.to_string().into(),
                heartbeat_ms,
                window,
                accept,
                push_operations_max,
                message_bytes_max,
                keeping,
            })
        },
    );
    prop_oneof![
        welcome,
        answer().prop_map(HubMessage::Results),
        (0..64_u32, page()).prop_map(|(view, page)| HubMessage::Changes { view, page }),
        position().prop_map(HubMessage::BackedUp),
        (0..64_u32, cursor(), sum).prop_map(|(view, cursor, checksum)| HubMessage::Checksum {
            view,
            cursor,
            checksum
        }),
        (0..64_u32).prop_map(|view| HubMessage::Anew { view }),
        problem().prop_map(HubMessage::Problem),
    ]
}
