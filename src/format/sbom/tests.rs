//! Documents of all kinds, also broken ones.
