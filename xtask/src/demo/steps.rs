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
    Action::Run(Run { arguments: &["sync"], exit_code, shows, hides: NOTES })
}

/// Runs a command that does not sync.
const fn ask(arguments: &'static [&'static str], shows: &'static [&'static str]) -> Action {
    Action::Run(Run { arguments, exit_code: 0, shows, hides: NOTES })
}

/// What is played, in order.
pub(super) const STEPS: &[Step] = &[
    Step {
        title: "The two sides meet: added, merged, settled; notes stay at home",
        actions: &[sync(
            0,
            &[
                "contacts         personal 8   business 7   shared 5",
                "added to personal: contact-inez, contact-papeterie   (from business)",
                "added to business: contact-dora   (from personal)",
                "merged on both sides: contact-ben",
                "settled conflict contact-chen: phone   the value edited last",
                "settled conflict document-logo: version   the greatest value: 4",
                "kept back by policy 2",
            ],
        )],
    },
    Step {
        title: "Nothing happened since: nothing is written",
        actions: &[Action::Keep, sync(0, &["Nothing to do"]), Action::SameAsKept],
    },
    Step {
        title: "A week of edits on both sides, looked at first: a plan writes nothing",
        actions: &[
            Action::Edit("edits/2-a-week-later"),
            Action::Keep,
            // It exits as the run will: a question is left for a person.
            Action::Run(Run {
                arguments: &["plan"],
                exit_code: 5,
                shows: &["Nothing written. Apply: syncline sync"],
                hides: NOTES,
            }),
            Action::SameAsKept,
        ],
    },
    Step {
        title: "The same, done; one question is left for a person",
        actions: &[sync(
            5,
            &[
                "deleted in personal: contact-gita   (gone from business)",
                "deleted in business: task-tax   (gone from personal)",
                "merged on both sides: contact-ben",
                "loggedMinutes  150 -> 195   in personal",
                "settled conflict contact-farid: the record   deleted on one side, edited on the other: the edit wins",
                "settled conflict event-lunch-ben: location",
                "conflict contact-ada: email   waits for your decision",
                "1 conflict waits for your decision",
            ],
        )],
    },
    Step {
        title: "A person decides, and the question does not come back",
        actions: &[
            ask(&["conflicts", "list"], &["contact-ada", "email"]),
            ask(
                &["conflicts", "resolve", "--record", "contact-ada", "--take", "source"],
                &["1 conflict decided"],
            ),
            sync(0, &["updated in business: contact-ada"]),
            Action::Keep,
            sync(0, &["Nothing to do"]),
            Action::SameAsKept,
        ],
    },
    Step {
        title: "An export crashed and left an empty list: the sync stops and deletes nothing",
        actions: &[
            Action::Keep,
            Action::Edit("edits/4-emptied"),
            sync(6, &["SAFETY_STOP", "contacts: the other side was emptied"]),
            Action::PutBack,
            sync(0, &["Nothing to do"]),
            Action::SameAsKept,
        ],
    },
    Step {
        title: "A slip of the fingers is carried over, and taken back",
        actions: &[
            Action::Keep,
            Action::Edit("edits/5-mistake"),
            sync(0, &["title", "Rates 2026", "Raets 2026"]),
            ask(&["undo", "latest", "--yes"], &["business/documents: byte for byte"]),
        ],
    },
    Step {
        title: "What happened, and that nobody changed the list since",
        actions: &[
            ask(&["log"], &["personal <-> business", "rolled_back"]),
            ask(&["audit", "verify"], &["Intact"]),
        ],
    },
];
