//! The failpoints: their names, and what is true when one is reached.

/// Every `failpoint!` of the program. `tests/tidy.rs` compares both lists.
pub(crate) const FAILPOINTS: [(&str, &str); 18] = [
    ("start_begins", "nothing is connected yet"),
    ("start_knows_facts", "the catalog and the slot are read, the slot is free"),
    ("start_before_stream", "there is a producer, and the slot is still free"),
    ("start_after_stream", "the slot is ours, nothing is read"),
    ("after_read", "a frame is received and not looked at"),
    ("before_produce", "a record is made and not handed to Kafka's client"),
    ("mid_transaction", "the same, behind other rows of its transaction"),
    ("after_produce", "a record is in flight"),
    ("after_acknowledge", "a record is acknowledged, its position is not confirmed"),
    ("before_witness", "a position is confirmed, no witness of it is sent"),
    ("after_witness", "a witness is acknowledged, its position is not told to the server"),
    ("before_confirm", "a status update is made and not sent"),
    ("after_confirm", "a status update is sent"),
    ("session_ended", "a session is over, what was in flight is given up next"),
    ("drain_begins", "SIGTERM came, something may be in flight"),
    ("session_lost", "PostgreSQL is gone, something may be in flight"),
    ("drain_before_confirm", "all is acknowledged, the last status update is not sent"),
    ("drain_after_confirm", "the last status update is sent, the stream is open"),
];
