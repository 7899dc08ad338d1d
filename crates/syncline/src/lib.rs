//! What the command `syncline` is made of.
//!
//! It owns what a person writes and reads: the configuration, and what is said about it. It decides
//! nothing about records; the crates below it do.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | the configuration and its validator | [`config`] |
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

pub mod config;
