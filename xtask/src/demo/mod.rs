//! The main job on shipped example data, headless: copies the data, runs the steps, shows what
//! each one did, and leaves the folder to look at.
//!
//! | You want | Read |
//! |---|---|
//! | what is played, in which order | [`steps`] |
//! | how a step is run and judged | [`play`](mod@play) |
//! | what happens while a hub is served | [`scenes`] |
//! | hub and devices | [`served`] |
//! | applications that are told of what happens | [`applications`] |
//! | whether all hold the same at the end | [`equal`] |
//! | the folder it plays in | [`stage`] |

mod applications;
mod equal;
mod play;
mod scenes;
mod served;
mod stage;
mod steps;

pub(crate) use play::{Browser, play};
