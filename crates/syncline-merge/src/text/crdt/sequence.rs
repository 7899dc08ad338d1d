//! From the facts to the order of the text.

use super::run::{Deletion, Origin, Run, RunId};

/// Neighbouring characters of one run, all shown or all dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Index of the run among the runs in the order of their ids.
    pub(super) run: u32,
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) deleted: bool,
}

/// The whole text in order, dropped characters included.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    pub(super) spans: Vec<Span>,
    /// Per run: whether another run hangs behind its last character.
    pub(super) continued: Vec<bool>,
    /// Characters shown.
    pub(super) shown: usize,
}

impl Sequence {
    /// Adds a span, joined to the last one where they belong together.
    pub(super) fn push(spans: &mut Vec<Span>, span: Span) {
        if span.len == 0 {
            return;
        }
        match spans.last_mut() {
            Some(last)
                if last.run == span.run
                    && last.deleted == span.deleted
                    && last.start + last.len == span.start =>
            {
                last.len += span.len;
            }
            _ => spans.push(span),
        }
    }

    /// Puts `runs` (sorted by id, each behind its origin) in order; `n log n` in the facts.
    pub(super) fn new(runs: &[Run], deletions: &[Deletion]) -> Self {
        let children = Children::new(runs);
        let gone = Gone::new(runs, deletions);
        let mut sequence = Self {
            spans: Vec::with_capacity(runs.len()),
            continued: vec![false; runs.len()],
            shown: 0,
        };
        // Depth first, with a stack of our own: a text typed backwards is as deep as it is long.
        let mut stack = Vec::new();
        for &(_, _, root) in children.of(None) {
            stack.push(Visit::new(root, &children, &gone));
            while let Some(visit) = stack.last_mut() {
                let len = runs[visit.run as usize].len;
                let (until, child) = match visit.children.split_first() {
                    Some((&(_, slot, child), rest)) => {
                        visit.children = rest;
                        (slot, Some(child))
                    }
                    None => (len, None),
                };
                visit.emit(until, &mut sequence);
                match child {
                    Some(child) => {
                        sequence.continued[visit.run as usize] |= until == len;
                        stack.push(Visit::new(child, &children, &gone));
                    }
                    None => {
                        stack.pop();
                    }
                }
            }
        }
        sequence
    }
}

/// Returns the index of the run `id`; `near` is where it probably is.
pub(super) fn index_of(runs: &[Run], id: RunId, near: usize) -> Option<usize> {
    if runs.get(near).is_some_and(|run| run.id == id) {
        return Some(near);
    }
    runs.binary_search_by_key(&id, |run| run.id).ok()
}

/// (parent: 0 for the start, else index + 1; slot; child). The slot is the character of the parent
/// before which the child stands, or the parent's length if it stands behind it.
type Child = (u32, u32, u32);

struct Children {
    sorted: Vec<Child>,
    /// Per parent, where its children begin; one more at the end.
    begins: Vec<u32>,
}

impl Children {
    fn new(runs: &[Run]) -> Self {
        let mut sorted: Vec<Child> = Vec::with_capacity(runs.len());
        for (index, run) in runs.iter().enumerate() {
            let parent_of = |id| {
                index_of(runs, id, index.wrapping_sub(1))
                    .expect("invariant: a run is kept only with its origin")
            };
            let (parent, slot) = match run.origin {
                Origin::Start => (0, 0),
                Origin::After(id) => (parent_of(id) + 1, runs[parent_of(id)].len),
                Origin::Before(id, character) => (parent_of(id) + 1, character),
            };
            sorted.push((narrow(parent), slot, narrow(index)));
        }
        sorted.sort_unstable();
        let mut begins = vec![0u32; runs.len() + 3];
        for &(parent, _, _) in &sorted {
            begins[parent as usize + 1] += 1;
        }
        for index in 1..begins.len() {
            begins[index] += begins[index - 1];
        }
        Self { sorted, begins }
    }

    fn of(&self, run: Option<u32>) -> &[Child] {
        let parent = run.map_or(0, |run| run as usize + 1);
        &self.sorted[self.begins[parent] as usize..self.begins[parent + 1] as usize]
    }
}

/// The dropped characters of each run: (run, start, end), sorted, without overlaps.
struct Gone {
    sorted: Vec<(u32, u32, u32)>,
}

impl Gone {
    fn new(runs: &[Run], deletions: &[Deletion]) -> Self {
        let mut sorted: Vec<(u32, u32, u32)> = deletions
            .iter()
            .map(|deletion| {
                let run = runs
                    .binary_search_by_key(&deletion.run, |run| run.id)
                    .expect("invariant: a deletion is kept only with its run");
                (narrow(run), deletion.start, deletion.start + deletion.len)
            })
            .collect();
        sorted.sort_unstable();
        sorted.dedup_by(|next, last| {
            let touches = next.0 == last.0 && next.1 <= last.2;
            if touches {
                last.2 = last.2.max(next.2);
            }
            touches
        });
        Self { sorted }
    }

    fn of(&self, run: u32) -> &[(u32, u32, u32)] {
        let from = self.sorted.partition_point(|gone| gone.0 < run);
        &self.sorted[from..]
    }
}

/// A run on its way into the text.
struct Visit<'a> {
    run: u32,
    done: u32,
    children: &'a [Child],
    gone: &'a [(u32, u32, u32)],
}

impl<'a> Visit<'a> {
    fn new(run: u32, children: &'a Children, gone: &'a Gone) -> Self {
        Self { run, done: 0, children: children.of(Some(run)), gone: gone.of(run) }
    }

    /// Adds the characters from `done` up to `until`.
    fn emit(&mut self, until: u32, sequence: &mut Sequence) {
        while self.done < until {
            let (end, deleted) = match self.gone.first() {
                Some(&(run, from, to)) if run == self.run => {
                    if to <= self.done {
                        self.gone = &self.gone[1..];
                        continue;
                    }
                    if from <= self.done { (to.min(until), true) } else { (from.min(until), false) }
                }
                _ => (until, false),
            };
            let len = end - self.done;
            let span = Span { run: self.run, start: self.done, len, deleted };
            Sequence::push(&mut sequence.spans, span);
            if !deleted {
                sequence.shown += len as usize;
            }
            self.done = end;
        }
    }
}

/// Counts of runs and characters fit 32 bits: the encoded state is bounded below 4 GiB.
pub(super) fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("invariant: a state is bounded below 2^32 runs")
}
