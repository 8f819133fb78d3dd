//! Writes an image anew with some things changed and all else kept to the bit.

pub mod edit;
pub mod encode;
mod excised;
pub mod layer;
mod notice;

pub use edit::{Content, Edit, Edits, Member, Span};
pub use encode::Encoding;
pub use excised::Excised;
pub use notice::Notice;
