//! The outbox's settings: which table, which columns, which route.

use super::{table::TableName, template::Template};

/// `[outbox]` and `[route]`, parsed and complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The outbox table, or its partition root.
    pub table: TableName,
    /// What each column is for.
    pub columns: Columns,
    /// Where a record goes and what it carries.
    pub route: Route,
}

/// The names of the columns that have a role. Names are as in the catalog, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The event's id, the consumers' idempotency key.
    pub id: String,
    /// What the default topic template names.
    pub topic: String,
    /// What the default key template names; order is kept per key.
    pub key: String,
    /// The event's type.
    pub type_: String,
    /// The record's value, byte for byte.
    pub payload: String,
    /// An explicit partition number (int2, int4, int8). NULL: by key.
    pub partition: Option<String>,
    /// A JSON object of strings; each becomes a header (json, jsonb, text, varchar).
    pub headers: Option<String>,
    /// A W3C trace context, sent as header `traceparent`. NULL: no header.
    pub traceparent: Option<String>,
    /// The record's timestamp (timestamptz, timestamp). NULL: the commit time.
    pub timestamp: Option<String>,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            id: "id".into(),
            topic: "aggregatetype".into(),
            key: "aggregateid".into(),
            type_: "type".into(),
            payload: "payload".into(),
            partition: None,
            headers: None,
            traceparent: None,
            timestamp: None,
        }
    }
}

/// `[route]`: topic, key and headers of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The topic; a NULL in it is an error, never a guess.
    pub topic: Template,
    /// The key; NULL when the template is one column alone and that is NULL.
    pub key: Template,
    /// Columns sent as headers, in this order. A NULL column is a header with a null value.
    pub headers: Vec<HeaderColumn>,
    /// Whether the header `position` is added (last).
    pub position_header: bool,
}

/// One entry of `route.headers`: `"column"` or `"column as name"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderColumn {
    /// The column whose text is the header's value.
    pub column: String,
    /// The header's name.
    pub name: String,
}
