//! Conditions, what they say of findings, and how those that are wrong are told.
