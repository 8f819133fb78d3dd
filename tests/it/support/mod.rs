//! What the tests share: images from recipes, and scans of them.

pub mod image;
pub mod run;
