//! ReplicationConnection: a connection in replication mode, before its stream starts.

use bytes::Buf;
use futures_util::{SinkExt, StreamExt};
use pgwire::{
    api::client::{
        ReadyState,
        auth::{DefaultStartupHandler, StartupHandler},
    },
    error::{ErrorInfo, PgWireClientError, PgWireError},
    messages::{
        PgWireBackendMessage, PgWireFrontendMessage,
        data::DataRow,
        simplequery::Query,
        startup::{Authentication, Startup},
    },
};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::{Config, Context, Error, password, socket, wire::Wire};
use crate::wal::Lsn;

/// Startup parameters that fix how values are written, whatever the database's or role's defaults.
const FIXED_PARAMETERS: [(&str, &str); 7] = [
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("IntervalStyle", "postgres"),
    // A stream has no end.
    ("statement_timeout", "0"),
];

/// What IDENTIFY_SYSTEM answers: which cluster this is, and on which timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemIdentity {
    /// The cluster's identifier, given by initdb and kept by its physical copies.
    pub system_identifier: u64,
    /// The timeline; grows with every promotion.
    pub timeline: u32,
    /// The end of the flushed WAL.
    pub flushed: Lsn,
}

/// A connection in replication mode.
pub struct ReplicationConnection {
    pub(super) wire: Wire,
    pub(super) config: Config,
}

impl ReplicationConnection {
    /// Connects and authenticates; the password is read anew each time.
    ///
    /// # Errors
    /// What the way to the server or the server answers.
    pub async fn connect(config: &Config) -> Result<ReplicationConnection, Error> {
        let socket = socket::connect(&config.conninfo).await?;
        let mut login = pgwire::api::client::Config::new();
        login.user(config.conninfo.user());
        let password = password(config)?;
        if let Some(password) = &password {
            login.password(password.expose_secret());
        }
        let mut connection =
            ReplicationConnection { wire: Wire::new(socket, login), config: config.clone() };
        let limit = config.conninfo.connect_timeout();
        match timeout(limit, connection.log_in(password.is_some())).await {
            Ok(done) => done?,
            Err(_) => {
                return Err(connection.lost(format!("no answer within {} s", limit.as_secs())));
            }
        }
        Ok(connection)
    }

    /// Asks which cluster this is.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn identify_system(&mut self) -> Result<SystemIdentity, Error> {
        let rows = self.query("identify the system", "IDENTIFY_SYSTEM").await?;
        let row = rows.first().ok_or_else(|| Error::Protocol("no identity".into()))?;
        let field = |index: usize| row.get(index).and_then(|value| value.as_deref());
        let parsed = (|| {
            Some(SystemIdentity {
                system_identifier: field(0)?.parse().ok()?,
                timeline: field(1)?.parse().ok()?,
                flushed: field(2)?.parse().ok()?,
            })
        })();
        parsed.ok_or_else(|| Error::Protocol("IDENTIFY_SYSTEM's answer cannot be read".into()))
    }

    async fn log_in(&mut self, has_password: bool) -> Result<(), Error> {
        let startup = PgWireFrontendMessage::Startup(self.startup());
        self.send(startup).await?;
        let mut handler = DefaultStartupHandler::new();
        loop {
            let message = self.receive().await?;
            let asks = matches!(&message, PgWireBackendMessage::Authentication(how)
                if !matches!(how, Authentication::Ok));
            if asks && !has_password {
                return Err(Error::PasswordMissing {
                    endpoint: self.config.conninfo.endpoint(),
                    user: self.config.conninfo.user().to_owned(),
                });
            }
            match handler.on_message(&mut self.wire, message).await {
                Ok(ReadyState::Ready(_)) => return Ok(()),
                Ok(ReadyState::Pending) => {}
                Err(error) => return Err(self.login_failed(error)),
            }
        }
    }

    fn startup(&self) -> Startup {
        let conninfo = &self.config.conninfo;
        let mut startup = Startup::new();
        let mut set = |name: &str, value: &str| {
            startup.parameters.insert(name.to_owned(), value.to_owned());
        };
        for (name, value) in FIXED_PARAMETERS {
            set(name, value);
        }
        set("user", conninfo.user());
        set("database", conninfo.dbname());
        set("application_name", conninfo.application_name());
        set("replication", "database");
        if let Some(options) = conninfo.options() {
            set("options", options);
        }
        startup
    }

    /// Runs a command of the replication protocol that answers with rows of text.
    async fn query(&mut self, doing: &str, command: &str) -> Result<Vec<Row>, Error> {
        self.send(PgWireFrontendMessage::Query(Query::new(command.to_owned()))).await?;
        let mut rows = Vec::new();
        loop {
            match self.receive().await? {
                PgWireBackendMessage::DataRow(row) => rows.push(text_row(row)?),
                PgWireBackendMessage::ReadyForQuery(_) => return Ok(rows),
                PgWireBackendMessage::ErrorResponse(error) => {
                    return Err(self.refused(doing, ErrorInfo::from(error)));
                }
                _ => {}
            }
        }
    }

    pub(super) async fn send(&mut self, message: PgWireFrontendMessage) -> Result<(), Error> {
        self.wire.send(message).await.map_err(|error| self.broken(error))
    }

    /// The next message. Bounded like connecting: all that is asked here is answered at once.
    pub(super) async fn receive(&mut self) -> Result<PgWireBackendMessage, Error> {
        let limit = self.config.conninfo.connect_timeout();
        match timeout(limit, self.wire.next()).await {
            Ok(Some(Ok(message))) => Ok(message),
            Ok(Some(Err(error))) => Err(self.broken(error)),
            Ok(None) => Err(self.lost("the server closed it".into())),
            Err(_) => Err(self.lost(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    pub(super) fn refused(&self, doing: &str, info: ErrorInfo) -> Error {
        Error::from_server(&info.code, &info.message, Context { config: &self.config, doing })
    }

    /// What a failure of the socket or of pgwire's decoding means.
    pub(super) fn broken(&self, error: PgWireError) -> Error {
        match error {
            PgWireError::IoError(error) => self.lost(error.to_string()),
            other => Error::Protocol(other.to_string()),
        }
    }

    pub(super) fn lost(&self, reason: String) -> Error {
        Error::ConnectionLost { endpoint: self.config.conninfo.endpoint(), reason }
    }

    fn login_failed(&self, error: PgWireClientError) -> Error {
        match error {
            PgWireClientError::RemoteError(info) => {
                self.refused("open a replication connection", *info)
            }
            PgWireClientError::IoError(error) => self.lost(error.to_string()),
            PgWireClientError::PgWireError(error) => self.broken(error),
            PgWireClientError::UnexpectedEOF => self.lost("the server closed it".into()),
            // pgwire's text may quote a message; the kind is all that helps a person.
            PgWireClientError::UnsupportedSASLAuthMethods(methods) => Error::Protocol(format!(
                "the server wants an authentication that is not supported: {}",
                methods.join(", ")
            )),
            PgWireClientError::ScramError(_) => Error::Authentication {
                endpoint: self.config.conninfo.endpoint(),
                user: self.config.conninfo.user().to_owned(),
                database: self.config.conninfo.dbname().to_owned(),
                message: "SCRAM authentication failed".into(),
            },
            _ => Error::Protocol("the server's greeting cannot be read".into()),
        }
    }
}

type Row = Vec<Option<String>>;

fn text_row(row: DataRow) -> Result<Row, Error> {
    let broken = || Error::Protocol("a row that cannot be read".into());
    let mut data = row.data.freeze();
    let mut values = Vec::new();
    for _ in 0..row.field_count {
        if data.remaining() < 4 {
            return Err(broken());
        }
        let Ok(length) = usize::try_from(data.get_i32()) else {
            values.push(None);
            continue;
        };
        if data.remaining() < length {
            return Err(broken());
        }
        let value = data.split_to(length);
        values.push(Some(String::from_utf8(value.to_vec()).map_err(|_| broken())?));
    }
    Ok(values)
}
