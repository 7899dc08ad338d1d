//! One edit on the text as it is: from positions to facts.

use syncline_model::clock::Stamp;

use super::run::{Deletion, Origin, Run, RunId};
use super::sequence::{Sequence, Span, narrow};
use crate::text::limits::RUN_CHARS_MAX;
use crate::text::ot::{Component, TextOperation};

/// Walks an operation over the spans and keeps facts and spans in step.
pub(super) struct Edit<'a> {
    stamp: Stamp,
    runs: &'a mut Vec<Run>,
    sequence: &'a mut Sequence,
    deletions: Vec<Deletion>,
    /// The first span that is replaced.
    from: usize,
    /// What takes its and its followers' place.
    output: Vec<Span>,
    /// The span being read, as far as it is left, and the index of the one behind it.
    current: Option<Span>,
    next: usize,
    typed: u32,
}

impl<'a> Edit<'a> {
    /// Makes the edit and returns its deletions, sorted. The operation fits the text, and `stamp` is
    /// above all stamps in it; both are the caller's to check.
    pub(super) fn make(
        stamp: Stamp,
        operation: &TextOperation,
        runs: &'a mut Vec<Run>,
        sequence: &'a mut Sequence,
    ) -> Vec<Deletion> {
        let (skip, components) = match operation.components() {
            [Component::Retain(len), rest @ ..] => (*len, rest),
            all => (0, all),
        };
        let mut edit = Self {
            stamp,
            runs,
            sequence,
            deletions: Vec::new(),
            from: 0,
            output: Vec::new(),
            current: None,
            next: 0,
            typed: 0,
        };
        edit.start_behind(skip);
        for (index, component) in components.iter().enumerate() {
            match component {
                Component::Retain(_) if index + 1 == components.len() => {}
                Component::Retain(len) => edit.keep(*len, false),
                Component::Delete(len) => edit.keep(*len, true),
                Component::Insert(text) => edit.insert(text),
            }
        }
        edit.finish()
    }

    /// Moves behind the first `skip` characters shown.
    fn start_behind(&mut self, skip: usize) {
        let mut left = skip;
        let mut index = 0;
        while left > 0 {
            let Some(&span) = self.sequence.spans.get(index) else {
                break;
            };
            let shown = if span.deleted { 0 } else { span.len as usize };
            if shown > left {
                break;
            }
            left -= shown;
            index += 1;
        }
        self.from = index;
        self.next = index;
        if left > 0 {
            self.keep(left, false);
        }
    }

    fn read(&mut self) -> Option<Span> {
        if self.current.is_none() {
            self.current = self.sequence.spans.get(self.next).copied();
            self.next += usize::from(self.current.is_some());
        }
        self.current
    }

    /// Takes over `len` shown characters (and the dropped ones before them), or drops them.
    fn keep(&mut self, len: usize, delete: bool) {
        let mut left = narrow(len);
        while left > 0 {
            let Some(span) = self.read() else { return };
            self.current = None;
            if span.deleted {
                Sequence::push(&mut self.output, span);
                continue;
            }
            let taken = span.len.min(left);
            left -= taken;
            Sequence::push(&mut self.output, Span { len: taken, deleted: delete, ..span });
            if taken < span.len {
                let (start, len) = (span.start + taken, span.len - taken);
                self.current = Some(Span { start, len, ..span });
            }
            if delete {
                let run = self.runs[span.run as usize].id;
                self.deletions.push(Deletion {
                    stamp: self.stamp,
                    run,
                    start: span.start,
                    len: taken,
                });
                self.sequence.shown -= taken as usize;
            }
        }
    }

    /// Adds a run here, or a chain of runs if the text is long.
    fn insert(&mut self, text: &str) {
        let mut origin = self.origin_here();
        let mut rest = text;
        while !rest.is_empty() {
            let end =
                rest.char_indices().nth(RUN_CHARS_MAX).map_or(rest.len(), |(offset, _)| offset);
            let (piece, after) = rest.split_at(end);
            let len = narrow(piece.chars().count());
            let id = RunId { stamp: self.stamp, start: self.typed };
            let run = narrow(self.runs.len());
            self.runs.push(Run { id, origin, text: piece.into(), len });
            self.sequence.continued.push(!after.is_empty());
            Sequence::push(&mut self.output, Span { run, start: 0, len, deleted: false });
            self.sequence.shown += len as usize;
            self.typed += len;
            origin = Origin::After(id);
            rest = after;
        }
    }

    /// Returns where a run typed here hangs: behind the character on the left if nothing hangs there
    /// yet, else before the character that comes next.
    fn origin_here(&mut self) -> Origin {
        let left = match (self.output.last(), self.from.checked_sub(1)) {
            (Some(&span), _) => Some(span),
            (None, Some(index)) => self.sequence.spans.get(index).copied(),
            (None, None) => None,
        };
        if let Some(span) = left {
            let run = &self.runs[span.run as usize];
            let continued = &mut self.sequence.continued[span.run as usize];
            if span.start + span.len == run.len && !*continued {
                *continued = true;
                return Origin::After(run.id);
            }
        }
        match self.read() {
            Some(next) => Origin::Before(self.runs[next.run as usize].id, next.start),
            None => Origin::Start,
        }
    }

    fn finish(mut self) -> Vec<Deletion> {
        if let Some(rest) = self.current {
            Sequence::push(&mut self.output, rest);
        }
        self.sequence.spans.splice(self.from..self.next, self.output);
        self.deletions.sort_unstable();
        self.deletions
    }
}
