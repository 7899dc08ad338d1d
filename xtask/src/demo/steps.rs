//! The steps of the demo, as data.

/// One command of the demo and what has to come of it.
pub(super) struct Step {
    /// What the person watching learns here.
    pub(super) title: &'static str,
    /// Arguments of `syncline`; it runs in the folder of the demo.
    pub(super) arguments: &'static [&'static str],
    /// Exit code that the command must have.
    pub(super) exit_code: i32,
    /// Words that its output must contain: entity, what happened, from where, to where.
    pub(super) shows: &'static [&'static str],
}

/// What is played, in order.
pub(super) const STEPS: &[Step] = &[Step {
    title: "The command is there",
    arguments: &["version"],
    exit_code: 0,
    shows: &["syncline"],
}];
