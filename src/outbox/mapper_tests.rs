//! Mapper, by rows.
