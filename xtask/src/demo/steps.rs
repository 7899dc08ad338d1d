//! The steps of the demo, as data. `examples/personal-business/STORY.md` tells what each of them
//! has to bring about, record by record.

/// One step of the demo.
pub(super) struct Step {
    /// What the person watching learns here.
    pub(super) title: &'static str,
    /// What is done, in order.
    pub(super) actions: &'static [Action],
}

/// One thing that a step does, in the folder of the demo.
pub(super) enum Action {
    /// Runs `syncline` and looks at what comes of it.
    Run(Run),
    /// Copies the files of a folder of the example over the data, as a person's edits.
    Edit(&'static str),
    /// Remembers the bytes of every file of the data.
    Keep,
    /// Puts the remembered bytes back.
    PutBack,
    /// Expects the bytes of every file of the data to be the remembered ones.
    SameAsKept,
}

/// A command and what has to come of it.
pub(super) struct Run {
    /// Arguments of `syncline`.
    pub(super) arguments: &'static [&'static str],
    /// Exit code that the command must have.
    pub(super) exit_code: i32,
    /// Words that its output must contain: entity, what happened, from where, to where.
    pub(super) shows: &'static [&'static str],
    /// Words that neither its output nor the business side may contain: the policy forbids them.
    pub(super) hides: &'static [&'static str],
}

/// Words of personal notes, which stay at home.
const NOTES: &[&str] = &["divorce", "letterpress", "sad"];

const fn sync(exit_code: i32, shows: &'static [&'static str]) -> Action {
    Action::Run(Run {
        arguments: &["sync"],
        exit_code,
        shows,
        hides: NOTES,
    })
}

/// What is played, in order.
pub(super) const STEPS: &[Step] = &[
    Step {
        title: "The two sides meet: added, merged, settled; notes stay at home",
        actions: &[sync(0, &["contacts", "personal", "business"])],
    },
    Step {
        title: "Nothing happened since: nothing is written",
        actions: &[Action::Keep, sync(0, &[]), Action::SameAsKept],
    },
    Step {
        title: "A week of edits on both sides; one question is left for a person",
        actions: &[
            Action::Edit("edits/2-a-week-later"),
            sync(5, &["contacts", "ada"]),
        ],
    },
    Step {
        title: "An export crashed and left an empty list: the sync stops and deletes nothing",
        actions: &[
            Action::Keep,
            Action::Edit("edits/4-emptied"),
            sync(6, &["SAFETY_STOP"]),
            Action::PutBack,
            sync(5, &[]),
            Action::SameAsKept,
        ],
    },
];
