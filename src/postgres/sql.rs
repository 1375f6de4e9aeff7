//! SqlClient: one SQL connection, for what the replication protocol cannot ask.

use std::{future::Future, io, time::Duration};

use secrecy::ExposeSecret;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    NoTls, Row,
    config::SslMode,
    types::{FromSql, ToSql},
};

use super::{Config, ConnInfo, Context, Endpoint, Error};

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
        let conninfo = &config.conninfo;
        let client_config = client_config(config)?;
        let context = Context { config, doing: "open an SQL connection" };
        let (client, connection) =
            match timeout(conninfo.connect_timeout(), client_config.connect(NoTls)).await {
                Ok(Ok(connected)) => connected,
                Ok(Err(error)) => return Err(connect_error(&error, context)),
                Err(_) => {
                    let text =
                        format!("no answer within {} s", conninfo.connect_timeout().as_secs());
                    let source = io::Error::new(io::ErrorKind::TimedOut, text);
                    return Err(Error::Unreachable { endpoint: conninfo.endpoint(), source });
                }
            };
        let connection = tokio::spawn(async move {
            // Its error reaches whoever waits for an answer; nobody else needs it.
            let _ = connection.await;
        });
        Ok(SqlClient { client, config: config.clone(), answer_timeout: ANSWER_TIMEOUT, connection })
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

fn client_config(config: &Config) -> Result<tokio_postgres::Config, Error> {
    let conninfo = &config.conninfo;
    let mut client = tokio_postgres::Config::new();
    client
        .user(conninfo.user())
        .dbname(conninfo.dbname())
        .port(conninfo.port())
        .application_name(format!("{} sql", conninfo.application_name()))
        .ssl_mode(SslMode::Disable)
        .options(session_options(conninfo));
    match conninfo.endpoint() {
        Endpoint::Tcp { host, .. } => client.host(host),
        Endpoint::Unix(_) => client.host_path(conninfo.host()),
    };
    match conninfo.keepalive() {
        Some(keepalive) => client
            .keepalives_idle(keepalive.idle)
            .keepalives_interval(keepalive.interval)
            .keepalives_retries(keepalive.count),
        None => client.keepalives(false),
    };
    if let Some(limit) = conninfo.tcp_user_timeout() {
        client.tcp_user_timeout(limit);
    }
    if let Some(password) = super::password(config)? {
        client.password(password.expose_secret());
    }
    Ok(client)
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
    Error::Unreachable { endpoint, source: io::Error::other(reason) }
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
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.into_iter().any(|cause| cause.is::<io::Error>())
}
