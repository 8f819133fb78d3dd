//! What the tests share: images from recipes, archives written byte by byte, and scans of them.

pub mod image;
pub mod layout;
pub mod raw;
pub mod run;
pub mod token;
