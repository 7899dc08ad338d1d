//! Undoing a run: the files come back, and the hub goes back with them.
//!
//! An undo is a change like any other. Every record that the run touched says again what it said
//! before, and what the domains were known to hold and to have seen before the run is known again:
//! what a person had edited before it is an edit again. So is what later runs only took in, without
//! writing a file: they are taken back with it, but not where that was edited in a file that would
//! come back. A decision that the run carried to the domains is taken back, and its conflict is open
//! again. Records that were changed since the run stay as they are and are listed.
//!
//! | You want | Read |
//! |---|---|
//! | the order of things | [`run`] |
//! | which file comes back, and how much of it | [`files`] |
//! | what happened in the run, and after it | [`happened`] |
//! | under which names the fields come back | [`names`] |
//! | what the hub says of each record then | [`records`] |
//! | which conflicts are open again | [`decisions`] |
//! | what may not come back | [`allowed`] |
//! | how the rest is undone later | [`rest`] |

mod allowed;
mod decisions;
mod files;
mod happened;
mod names;
mod records;
mod rest;
mod run;
