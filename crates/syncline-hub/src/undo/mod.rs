//! Undoing a run: the files come back, and the hub goes back with them.
//!
//! An undo is a change like any other. Every record that the run touched shows again what it showed
//! before, and the domains are known to have held what their files held: what a person had edited
//! before the run is an edit again. A decision that the run carried to the domains is taken back,
//! and its conflict is open again. Records that were changed since the run stay as they are and are
//! listed.
//!
//! | You want | Read |
//! |---|---|
//! | the order of things | [`run`] |
//! | which file comes back, and how much of it | [`files`] |
//! | what the hub says of each record then | [`records`] |
//! | why a list that only grows is different | [`appends`] |

mod appends;
mod files;
mod records;
mod run;
