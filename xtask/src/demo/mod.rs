//! The main job on shipped example data, headless: copies the data, runs the steps, shows what
//! each one did, and leaves the folder to look at.
//!
//! | You want | Read |
//! |---|---|
//! | what is played, in which order | [`steps`] |
//! | how a step is run and judged | [`play`](mod@play) |
//! | the folder it plays in | [`stage`] |

mod play;
mod stage;
mod steps;

pub(crate) use play::play;
