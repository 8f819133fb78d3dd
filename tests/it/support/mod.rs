//! What the tests share: images from recipes, archives written byte by byte, and scans of them.

pub(crate) mod image;
pub(crate) mod layout;
pub(crate) mod raw;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod token;
