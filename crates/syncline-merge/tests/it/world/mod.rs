//! A world of hubs, clients and plain writers in memory, made from a seed: everything that merging
//! must survive, in play together, and checked against the [`oracle`](crate::oracle) at every step.
//!
//! A history is a list of actions, each with randomness of its own, so that an action can be left
//! out without disturbing the others: [`minimised`] finds the few that matter.

mod clients;
mod exchange;
mod files;
mod heal;
mod history;
mod hub;
pub(crate) mod random;
mod reading;
mod rules;
pub(crate) mod seeing;

pub(crate) use history::*;
