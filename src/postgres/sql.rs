//! SqlClient: one SQL connection, for what the replication protocol cannot ask.

mod established;

use std::{future::Future, io, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    Row,
    config::{self, SslMode, SslNegotiation},
    types::{FromSql, ToSql},
};

use super::{
    Config, ConnInfo, Context, Error, TlsError,
    channel::{self, Channel, Route, Security},
    conninfo::ChannelBinding,
    password,
};
use established::{Established, Secured};

/// Catalog queries take milliseconds; one that does not must not keep a sampler or a start waiting.
const SESSION_OPTIONS: &str = "-c statement_timeout=10s -c lock_timeout=5s";

/// The server ends a statement after ten seconds; if not even that is heard, the network is gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection that runs SQL. Dropping it closes the connection.
#[derive(Debug)]
pub struct SqlClient {
    client: tokio_postgres::Client,
    config: Config,
    answer_timeout: Duration,
    tls: &'static str,
    connection: JoinHandle<()>,
}

impl SqlClient {
    /// Connects as `config` says; the connection is driven by a task of the current runtime.
    ///
    /// pg_stat_activity shows the connection's application name with ` sql` behind it.
    ///
    /// # Errors
    ///
    /// What the way to the server or the server answers, and [`super::password()`]'s errors.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(config: &Config) -> Result<SqlClient, Error> {
        // Before all else: a file that cannot be used is told whether or not the server answers.
        let password = password(config)?;
        let mut route = Route::of(&config.conninfo);
        loop {
            match log_in(route.open().await?, config, password.as_ref()).await {
                Err(error) => route.refused(error)?,
                connected => return connected,
            }
        }
    }

    /// The version of TLS that the connection speaks, or `none`.
    pub fn tls(&self) -> &'static str {
        self.tls
    }

    /// The rows of one query. `doing` completes "PostgreSQL refused to …".
    ///
    /// # Errors
    ///
    /// What the server answers, or that the connection is gone.
    pub async fn query(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.answer(doing, self.client.query(sql, parameters)).await
    }

    /// The row of a query that has one or none.
    ///
    /// # Errors
    ///
    /// As [`SqlClient::query`].
    pub async fn query_opt(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.answer(doing, self.client.query_opt(sql, parameters)).await
    }

    /// Runs statements whose answers do not matter.
    ///
    /// # Errors
    ///
    /// As [`SqlClient::query`].
    pub async fn run(&self, doing: &str, statements: &str) -> Result<(), Error> {
        self.answer(doing, self.client.batch_execute(statements)).await
    }

    /// Lets statements run, and wait for locks, for `limit` from now on.
    ///
    /// # Errors
    ///
    /// As [`SqlClient::query`].
    pub async fn allow(&mut self, limit: Duration) -> Result<(), Error> {
        let ms = limit.as_millis();
        let statement = format!("SET statement_timeout = {ms}; SET lock_timeout = {ms}");
        self.run("set statement_timeout", &statement).await?;
        self.answer_timeout = limit + ANSWER_TIMEOUT;
        Ok(())
    }

    /// Lets the session idle as long as it likes, whatever the database's or role's default.
    ///
    /// # Errors
    ///
    /// As [`SqlClient::query`].
    pub async fn may_idle(&self) -> Result<(), Error> {
        // Not at the start of the session: a server that does not know the name would refuse it.
        let statement = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
                         WHERE name = 'idle_session_timeout'";
        self.run("set idle_session_timeout", statement).await
    }

    /// Whether the connection is known to have ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The settings it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    async fn answer<T>(
        &self,
        doing: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let context = Context { config: &self.config, doing };
        match timeout(self.answer_timeout, answer).await {
            Ok(answer) => answer.map_err(|error| query_error(&error, context)),
            Err(_) => Err(Error::ConnectionLost {
                endpoint: self.config.conninfo.endpoint(),
                reason: format!("no answer within {} s", self.answer_timeout.as_secs()),
            }),
        }
    }
}

impl Drop for SqlClient {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// The value of a column, whose type the query has fixed.
///
/// # Errors
///
/// [`Error::Protocol`] when the server sent another type.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Error> {
    row.try_get(name).map_err(|error| Error::Protocol(format!("column {name}: {error}")))
}

/// The value of a text column as what it stands for.
///
/// # Errors
///
/// [`Error::Protocol`] when the text does not parse.
pub(super) fn parsed_column<T>(row: &Row, name: &str) -> Result<Option<T>, Error>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let Some(text) = column::<Option<&str>>(row, name)? else { return Ok(None) };
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Error::Protocol(format!("column {name}: {error}"))),
    }
}

async fn log_in(
    channel: Channel,
    config: &Config,
    password: Option<&SecretString>,
) -> Result<SqlClient, Error> {
    let tls = channel.security.label();
    let mut client_config = client_config(config, &channel.security);
    if let Some(password) = password {
        client_config.password(password.expose_secret());
    }
    let context = Context { config, doing: "open an SQL connection" };
    let limit = config.conninfo.connect_timeout();
    let connected = client_config.connect_raw(Secured::from(channel), Established);
    let (client, connection) = match timeout(limit, connected).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return Err(connect_error(&error, context)),
        Err(_) => {
            let text = format!("no answer within {} s", limit.as_secs());
            let source = io::Error::new(io::ErrorKind::TimedOut, text);
            return Err(Error::Unreachable { endpoint: config.conninfo.endpoint(), source });
        }
    };
    let connection = tokio::spawn(async move {
        // Its error reaches whoever waits for an answer; nobody else needs it.
        let _ = connection.await;
    });
    let (config, answer_timeout) = (config.clone(), ANSWER_TIMEOUT);
    Ok(SqlClient { client, config, answer_timeout, tls, connection })
}

fn client_config(config: &Config, security: &Security) -> tokio_postgres::Config {
    let conninfo = &config.conninfo;
    let mut client = tokio_postgres::Config::new();
    client
        .user(conninfo.user())
        .dbname(conninfo.dbname())
        .application_name(format!("{} sql", conninfo.application_name()))
        .options(session_options(conninfo))
        .channel_binding(match conninfo.tls().channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
    // The library is not to negotiate: what is to be secured is secured already.
    match security {
        Security::Plain => client.ssl_mode(SslMode::Disable),
        Security::Tls { .. } => {
            client.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct)
        }
    };
    client
}

/// The user's options come last and win.
fn session_options(conninfo: &ConnInfo) -> String {
    match conninfo.options() {
        Some(options) => format!("{SESSION_OPTIONS} {options}"),
        None => SESSION_OPTIONS.to_owned(),
    }
}

fn connect_error(error: &tokio_postgres::Error, context: Context<'_>) -> Error {
    if let Some(answer) = error.as_db_error() {
        return Error::from_server(answer.code().code(), answer.message(), context);
    }
    let conninfo = &context.config.conninfo;
    let endpoint = conninfo.endpoint();
    let reason = innermost(error);
    // The library has no kind for it, and no server was asked yet.
    if reason == "password missing" {
        return Error::PasswordMissing { endpoint, user: conninfo.user().to_owned() };
    }
    if reason == "server did not use channel binding" {
        let why = "it did not ask for SCRAM, or it or its certificate offers no binding";
        return TlsError::NotBound { endpoint, why }.into();
    }
    if error.to_string().starts_with("authentication error") {
        let (user, database) = (conninfo.user().to_owned(), conninfo.dbname().to_owned());
        return Error::Authentication { endpoint, user, database, message: reason };
    }
    let alert = io_causes(error).find_map(channel::rustls_cause);
    if let Some(refused) = alert.and_then(|alert| TlsError::from_alert(alert, &endpoint)) {
        return refused.into();
    }
    if is_of_another_protocol(&reason) {
        return Error::NotPostgres { endpoint };
    }
    Error::Unreachable { endpoint, source: io::Error::other(reason) }
}

/// What the library says of the answer of a web server or the like. There are no kinds for it.
fn is_of_another_protocol(reason: &str) -> bool {
    reason.starts_with("unknown message tag") || reason == "bytes remaining on stream"
}

fn query_error(error: &tokio_postgres::Error, context: Context<'_>) -> Error {
    if let Some(answer) = error.as_db_error() {
        return Error::from_server(answer.code().code(), answer.message(), context);
    }
    let reason = innermost(error);
    match error.is_closed() || has_io_cause(error) {
        true => Error::ConnectionLost { endpoint: context.config.conninfo.endpoint(), reason },
        false => Error::Protocol(format!("{}: {reason}", context.doing)),
    }
}

/// The last cause says what happened; those around it say where in the library.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn has_io_cause(error: &dyn std::error::Error) -> bool {
    io_causes(error).next().is_some()
}

fn io_causes(error: &dyn std::error::Error) -> impl Iterator<Item = &io::Error> {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref())
}
