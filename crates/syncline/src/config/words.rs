//! The words for shapes and rules, with the synonyms that the specs use.

/// What a word in a field's rule stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldWord {
    Register,
    Sum,
    Union,
    Keyed,
    Append,
    Text,
    Latest,
    Max,
    Min,
    Priority,
    SourcePriority,
    Concat,
    Review,
    Custom,
}

/// Words that say how a field's state is kept.
pub(super) const SHAPES: &[(&str, FieldWord)] = &[
    ("register", FieldWord::Register),
    ("sum", FieldWord::Sum),
    ("union", FieldWord::Union),
    ("keyed", FieldWord::Keyed),
    ("append", FieldWord::Append),
    ("text", FieldWord::Text),
];

/// Words that say which of a register's concurrent values is shown, and all synonyms.
pub(super) const RULES: &[(&str, FieldWord)] = &[
    ("latest", FieldWord::Latest),
    ("max", FieldWord::Max),
    ("min", FieldWord::Min),
    ("priority", FieldWord::Priority),
    ("concat", FieldWord::Concat),
    ("review", FieldWord::Review),
    ("custom", FieldWord::Custom),
    ("latest_timestamp", FieldWord::Latest),
    ("last-write-wins", FieldWord::Latest),
    ("field-level-merge", FieldWord::Latest),
    ("numeric_max", FieldWord::Max),
    ("string_concat", FieldWord::Concat),
    ("source-priority", FieldWord::SourcePriority),
    ("region-priority", FieldWord::Priority),
    ("manual-review", FieldWord::Review),
    ("numeric_sum", FieldWord::Sum),
    ("array_merge", FieldWord::Union),
];

/// Returns what `word` stands for as the value of `shape`.
pub(super) fn shape(word: &str) -> Option<FieldWord> {
    find(SHAPES, word)
}

/// Returns what `word` stands for as the value of `rule`.
pub(super) fn rule(word: &str) -> Option<FieldWord> {
    find(RULES, word)
}

/// Returns the value that belongs to `word` in a table of words.
pub(super) fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// Returns the words of a table for an error text: `a, b, c`.
pub(super) fn list<T>(table: &[(&str, T)]) -> String {
    table.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}
