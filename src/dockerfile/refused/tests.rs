//! Both sides.
