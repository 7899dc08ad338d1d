//! What the command `syncline` is made of.
//!
//! It owns what a person writes and reads: arguments, configuration, output, exit codes. It decides
//! nothing about records; the crates below it do.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | from the words of the command line to an exit code | [`program`] |
//! | the arguments, help and completions | [`arguments`] |
//! | the configuration and its validator | [`config`] |
//! | one command | [`commands`] |
//! | TypeScript from schemas of entities | [`typescript`] |
//! | spec 001's spelling, texts and sync record | [`spec001`] |
//! | what commands share | [`run`] |
//! | what people and programs read | [`output`] |
//! | error codes and exit codes | [`failure`], [`exit`] |
//!
//! # Example
//!
//! ```
//! use std::path::Path;
//! use syncline::config::Config;
//!
//! let text = "[entities.contacts.fields]\n\"/tags\" = \"union\"\n";
//! let loaded = Config::parse(text, Path::new("."))?;
//! assert!(loaded.config.link_for("personal", "business").is_some());
//! # Ok::<(), syncline::config::ConfigError>(())
//! ```

pub mod arguments;
pub mod commands;
pub mod config;
pub mod exit;
pub mod failure;
pub mod output;
pub mod program;
mod remote;
pub mod run;
pub mod spec001;
pub mod typescript;
