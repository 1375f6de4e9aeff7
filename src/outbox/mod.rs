//! The outbox contract: a decoded row → the record to publish. Pure.
