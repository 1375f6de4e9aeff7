//! What an operator's view is set by: `[http]` and `[log]`, parsed.

use std::net::SocketAddr;

/// `[http]`: where health, metrics and the status page are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpConfig {
    /// The address to listen on; port 0 lets the system choose one.
    pub listen: SocketAddr,
}

/// `[log]`: what is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// The least important level that is logged: error, warn, info, debug or trace.
    pub level: String,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    Text,
    /// One JSON object a line.
    Json,
}
