//! Channel: an open way to the server, secured as `sslmode` asks. Stream and SQL go the same one.

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use rustls::{ClientConfig, ProtocolVersion};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    ConnInfo, Endpoint, Error, TlsError,
    conninfo::{ChannelBinding, Negotiation, SslMode},
    socket::{self, Transport},
    tls,
};

/// The request for TLS: its length, and a version number that no protocol has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A connected socket on which nothing of PostgreSQL's protocol was said yet.
pub(super) struct Channel {
    pub(super) transport: Box<dyn Transport>,
    pub(super) security: Security,
}

/// What protects a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    /// Nothing, or the file system for a unix socket.
    Plain,
    /// TLS.
    Tls {
        version: &'static str,
        /// What binds a password's proof to the server's certificate; not every certificate has it.
        endpoint: Option<Vec<u8>>,
    },
}

impl Security {
    /// The version of TLS, or `none`: how logs name it.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Security::Plain => "none",
            Security::Tls { version, .. } => version,
        }
    }
}

/// One way to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Plain,
    TlsIfOffered,
    Tls,
}

/// The ways that `sslmode` allows, one after the other.
///
/// The second one is for servers whose pg_hba.conf admits only the other kind, as in libpq. Neither
/// a failed handshake nor a wrong password leads to it: what TLS did not protect once is not to be
/// said in the open.
pub(super) struct Route<'a> {
    conninfo: &'a ConnInfo,
    attempts: &'static [Attempt],
    /// What the server said to the first attempt.
    refusal: Option<Error>,
}

impl<'a> Route<'a> {
    pub(super) fn of(conninfo: &'a ConnInfo) -> Route<'a> {
        Route { conninfo, attempts: attempts(conninfo), refusal: None }
    }

    /// Opens the next way, within the connection's timeout.
    pub(super) async fn open(&mut self) -> Result<Channel, Error> {
        let Some((attempt, further)) = self.attempts.split_first() else {
            return Err(self
                .refusal
                .take()
                .unwrap_or_else(|| unreachable(self.conninfo, no_way())));
        };
        self.attempts = further;
        match open(self.conninfo, *attempt).await {
            Ok(channel) => {
                if *attempt == Attempt::TlsIfOffered && channel.security == Security::Plain {
                    // The next way would be the same one.
                    self.attempts = &[];
                }
                Ok(channel)
            }
            Err(error @ Error::Tls(TlsError::NotOffered { .. })) => {
                Err(self.refusal.take().unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is a way left after the server answered with `error`.
    ///
    /// # Errors
    /// What to tell when there is none. Of two refusals that is the one over TLS.
    pub(super) fn refused(&mut self, error: Error) -> Result<(), Error> {
        let first = self.refusal.take();
        if !matches!(error, Error::NotAdmitted { .. }) {
            return Err(error);
        }
        if self.attempts.is_empty() {
            let tls_was_first = self.conninfo.tls().mode == SslMode::Prefer;
            return Err(first.filter(|_| tls_was_first).unwrap_or(error));
        }
        tracing::debug!(error = %error, "not admitted this way, trying the other one sslmode allows");
        self.refusal = Some(error);
        Ok(())
    }
}

fn attempts(conninfo: &ConnInfo) -> &'static [Attempt] {
    if let Endpoint::Unix(_) = conninfo.endpoint() {
        return &[Attempt::Plain];
    }
    let tls = conninfo.tls();
    match tls.mode {
        SslMode::Disable => &[Attempt::Plain],
        _ if tls.channel_binding == ChannelBinding::Require => &[Attempt::Tls],
        SslMode::Allow => &[Attempt::Plain, Attempt::Tls],
        SslMode::Prefer => &[Attempt::TlsIfOffered, Attempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Tls],
    }
}

async fn open(conninfo: &ConnInfo, attempt: Attempt) -> Result<Channel, Error> {
    let limit = conninfo.connect_timeout();
    let opened = async {
        // A file that cannot be used is told whether or not the server can be reached.
        let needed = match attempt {
            Attempt::Tls => Some(tls::client_config(conninfo)?),
            _ => None,
        };
        let mut transport = socket::connect(conninfo).await?;
        match attempt {
            Attempt::Plain => return Ok(Channel { transport, security: Security::Plain }),
            _ if conninfo.tls().negotiation == Negotiation::Direct => {}
            _ if ask(&mut transport, conninfo).await? => {}
            Attempt::TlsIfOffered => return Ok(Channel { transport, security: Security::Plain }),
            Attempt::Tls => {
                return Err(TlsError::NotOffered { endpoint: conninfo.endpoint() }.into());
            }
        }
        let config = needed.map_or_else(|| tls::client_config(conninfo), Ok)?;
        secured(transport, config, conninfo).await
    };
    let channel = timeout(limit, opened).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs());
        Err(unreachable(conninfo, io::Error::new(io::ErrorKind::TimedOut, text)))
    })?;
    let endpoint = conninfo.endpoint();
    tracing::debug!(tls = channel.security.label(), "connected to PostgreSQL at {endpoint}");
    Ok(channel)
}

async fn secured(
    transport: Box<dyn Transport>,
    config: ClientConfig,
    conninfo: &ConnInfo,
) -> Result<Channel, Error> {
    let name = tls::server_name(conninfo)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, transport).await;
    let stream = connected.map_err(|error| handshake_failed(error, conninfo))?;
    let security = security(&stream, conninfo)?;
    Ok(Channel { transport: Box::new(stream), security })
}

/// Asks whether the server speaks TLS.
async fn ask(transport: &mut Box<dyn Transport>, conninfo: &ConnInfo) -> Result<bool, Error> {
    let broken = |error| unreachable(conninfo, error);
    transport.write_all(&SSL_REQUEST).await.map_err(broken)?;
    let mut answer = [0; 2];
    let length = transport.read(&mut answer).await.map_err(broken)?;
    match (length, answer[0]) {
        (0, _) => {
            Err(broken(io::Error::other("the server closed the connection when asked for TLS")))
        }
        (1, b'S') => Ok(true),
        (1, b'N') => Ok(false),
        // Whatever follows the answer came in the open, and must never be taken for what came
        // through TLS.
        (_, b'S' | b'N') => Err(TlsError::NotTls { endpoint: conninfo.endpoint() }.into()),
        // Its words are anybody's at this point. A server that cannot start a process says so.
        (_, b'E') => Err(broken(io::Error::other("the server answered with an error"))),
        _ => Err(Error::NotPostgres { endpoint: conninfo.endpoint() }),
    }
}

fn security(
    stream: &TlsStream<Box<dyn Transport>>,
    conninfo: &ConnInfo,
) -> Result<Security, TlsError> {
    let (_, session) = stream.get_ref();
    let direct = conninfo.tls().negotiation == Negotiation::Direct;
    if direct && session.alpn_protocol() != Some(tls::ALPN) {
        // It may be any server that speaks TLS.
        return Err(TlsError::NotTls { endpoint: conninfo.endpoint() });
    }
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    Ok(Security::Tls {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        endpoint: certificate.and_then(tls::endpoint_hash),
    })
}

fn handshake_failed(error: io::Error, conninfo: &ConnInfo) -> Error {
    match rustls_cause(&error) {
        Some(cause) => TlsError::from_handshake(cause, conninfo.endpoint(), conninfo.host()).into(),
        None => {
            let why = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
                _ => error.to_string(),
            };
            TlsError::Handshake { endpoint: conninfo.endpoint(), why }.into()
        }
    }
}

/// What TLS has to say inside an error of the socket.
pub(super) fn rustls_cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn unreachable(conninfo: &ConnInfo, source: io::Error) -> Error {
    Error::Unreachable { endpoint: conninfo.endpoint(), source }
}

fn no_way() -> io::Error {
    io::Error::other("sslmode leaves no further way")
}
