//! TypeScript from the schemas of entities: pure, the same text for the same schemas.
//!
//! A schema promises what writers mean to write; the hub refuses nothing by it. So what is not
//! understood is `Json`, never an error, and nothing is made narrower than the schema says.
//!
//! | You want | Read |
//! |---|---|
//! | the whole text | [`write_module`], [`Numbers`] |
//! | a schema as a type | `form.rs` |
//! | types and comments as text | `text.rs` |
//! | what a type is called | `name.rs` |

mod form;
mod module;
mod name;
mod text;

pub use form::Numbers;
pub use module::{Described, Module, write_module};
