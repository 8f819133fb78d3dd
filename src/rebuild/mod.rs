//! Writes an image anew with some things changed and all else kept to the bit.

mod blocks;
pub mod bundle;
pub mod document;
pub mod edit;
pub mod encode;
mod excised;
pub mod json;
pub mod layer;
mod notice;
mod outcome;
mod run;
mod spool;
#[cfg(test)]
mod tests;
pub mod write;

pub use bundle::{Beside, Bundle, NamedDocument};
pub use document::edited_config;
pub use edit::{Content, Edit, Edits, Inner, Member, Span};
pub use encode::Encoding;
pub use excised::Excised;
pub use notice::Notice;
pub use outcome::{Digests, ImageEdits, LayerChange, LayerState, Options, Rebuilt, RebuiltImage};
pub use run::{LARGEST_FILE, rebuild};
pub use spool::goal;
pub use write::{Attachment, Output, Pending};
