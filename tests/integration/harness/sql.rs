//! SQL for tests: one blocking session.

use std::time::Duration;

use futures_util::SinkExt;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, types::FromSqlOwned};

/// A session. Statements that fail fail the test, except through the `try_` methods.
pub struct Sql {
    runtime: Runtime,
    client: Client,
}

impl Sql {
    /// Connects by a key=value address.
    pub fn connect(address: &str) -> Result<Sql, tokio_postgres::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut config: tokio_postgres::Config = address.parse()?;
        config.connect_timeout(Duration::from_secs(5));
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Sql { runtime, client })
    }

    /// Runs statements, several when separated by `;`.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        if let Err(error) = self.try_run(sql) {
            let head: String = sql.chars().take(300).collect();
            panic!("{}\nin: {head}", full(&error));
        }
    }

    /// Runs statements and tells how it went.
    pub fn try_run(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    /// The first column of the first row, as text.
    #[track_caller]
    pub fn text(&self, sql: &str) -> Option<String> {
        self.try_text(sql).unwrap_or_else(|error| panic!("{}\nin: {sql}", full(&error)))
    }

    /// The first column of the first row, as text.
    pub fn try_text(&self, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
        let messages = self.runtime.block_on(self.client.simple_query(sql))?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// One value, typed.
    #[track_caller]
    pub fn one<T: FromSqlOwned>(&self, sql: &str) -> T {
        let row = self.runtime.block_on(self.client.query_one(sql, &[]));
        row.unwrap_or_else(|error| panic!("{}\nin: {sql}", full(&error))).get(0)
    }

    /// Rows of a statement.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        let rows = self.runtime.block_on(self.client.query(sql, &[]));
        rows.unwrap_or_else(|error| panic!("{}\nin: {sql}", full(&error)))
    }

    /// COPY … FROM STDIN with these bytes.
    #[track_caller]
    pub fn copy_in(&self, sql: &str, data: Vec<u8>) {
        let result = self.runtime.block_on(async {
            let sink = self.client.copy_in(sql).await?;
            let mut sink = std::pin::pin!(sink);
            sink.send(bytes::Bytes::from(data)).await?;
            sink.finish().await
        });
        result.unwrap_or_else(|error| panic!("{}\nin: {sql}", full(&error)));
    }
}

/// An LSN as text, `0/16B3748`, as a number.
pub fn lsn(text: &str) -> u64 {
    let (high, low) = text.split_once('/').expect("an LSN has a slash");
    let part = |hex: &str| u64::from_str_radix(hex, 16).expect("an LSN is hexadecimal");
    part(high) << 32 | part(low)
}

/// A quoted literal.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn full(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{db}"),
        None => format!("{error}"),
    }
}
