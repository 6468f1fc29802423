//! Tables and what is in them.
