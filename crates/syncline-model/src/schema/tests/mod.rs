//! What is to be seen of migrations from outside: tables first, then the laws.

mod builders;
mod chain;
mod format_versions;
mod forward;
mod laws;
mod steps;

use builders::{add, json, leaf, migration, path, record, registry, remove, rename};

use crate::json::{Json, Leaf};
use crate::path::Path;

use super::{Migration, Migrations, SchemaId, SchemaVersion, Step};
