//! The pass: every layer read once, in parallel.
