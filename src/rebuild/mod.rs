//! Writes an image anew with some things changed and all else kept to the bit.

pub mod edit;

pub use edit::{Content, Edit, Edits, Member, Span};
