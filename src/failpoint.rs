//! Failpoint: a named place at which a test can stop the program. Nothing in a normal build.

/// Marks a place. Its name stands in `tests/failpoints/names.rs`, with what is true there.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    };
}
