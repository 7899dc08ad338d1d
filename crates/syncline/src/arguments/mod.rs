//! The arguments of the command, as one definition: help, completions and the manual come from it.
//!
//! | You want | Read |
//! |---|---|
//! | the commands and the global options | [`Arguments`], [`Command`], [`Global`] |
//! | what a run is told | [`SyncOptions`] |
//! | conflicts, audit, backups | `decide.rs`, `trail.rs`, `backup.rs` |
//! | sizes, durations, words | `value.rs` |
//! | a hub that is served | `serve.rs` |
//! | events and deliveries | `hooks.rs` |
//! | what a hub did | `report.rs` |
//! | TypeScript from schemas | `typescript.rs` |
//! | spec 001's spelling | [`CrossDomain`] |

mod backup;
mod command;
mod cross_domain;
mod decide;
mod events;
mod hooks;
mod report;
mod run;
mod serve;
mod trail;
mod typescript;
pub mod value;

pub use backup::{Backup, BackupCreate, Restore, VerifyBackup};
pub use command::{Arguments, ColorWhen, Command, Global, Shell};
pub use cross_domain::{CrossDomain, CrossDomainProgram};
pub use decide::{ConflictsCommand, Export, Import, ListFilter, Resolve, StatusWord};
pub use events::{EventsCheck, EventsCommand};
pub use hooks::{
    DeliveryCommand, DeliveryNamed, Emit, EndpointAdd, EndpointChange, EndpointChoice,
    EndpointCommand, EndpointNamed, EventCommand, HooksCommand, Kept, Listen, PastWord, PresetWord,
    RemoteHub, Replay, Sign, VerifyHook,
};
pub use report::Report;
pub use run::{
    Apply, Diff, DirectionWord, Log, Mode, Plan, Preference, Status, Sync, SyncOptions, Twins,
    Undo, Watch,
};
pub use serve::{Reached, Serve};
pub use trail::{Audit, AuditExport, Prove, Verify};
pub use typescript::Types;
