//! The long form: JSON objects with members that have names.
//!
//! Bodies of requests and messages of a live connection. A member that a reader does not know is
//! refused in what a client sends and ignored in what a hub answers.
//!
//! | You want | Read |
//! |---|---|
//! | what a client sends | [`read_push`], [`read_client_message`], [`read_operation`] |
//! | what a hub answers | [`read_push_answer`], [`read_page`], [`read_hub_message`] |
//! | to write either | [`write_push`], [`write_page`], … |

mod answer;
mod body;
mod hello;
mod operation;
#[cfg(test)]
mod tests;

use syncline_merge::display::Fields;

use crate::text::JsonText;

pub use answer::{read_change, read_outcome, write_change, write_outcome};
pub use body::{
    read_client_message, read_hub_message, read_page, read_push, read_push_answer,
    write_client_message, write_hub_message, write_page, write_push, write_push_answer,
};
pub use hello::{read_params, read_problem, write_problem};
pub use operation::{read_operation, write_operation};

pub(crate) use answer::{open_conflicts, push_outcome_rest, read_outcome_rest};
pub(crate) use body::{checksum_of, holdings_of, push_holdings, push_runs, runs_of, view_of};
pub(crate) use hello::{
    backed_up_of, hello_of, problem_of, push_hello, push_problem, push_welcome, welcome_of,
};
pub(crate) use operation::member_key;

/// Writes the fields of a record, sorted by path and none inside another, as the object that has them.
pub fn write_record(fields: &Fields) -> String {
    let mut text = JsonText::default();
    text.record(fields);
    text.into_string()
}
