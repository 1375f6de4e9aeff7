//! Examine: asks PostgreSQL and Kafka, each whatever becomes of the other, and gathers the lines.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    cluster, limits, publication,
    report::{Area, Line, Report},
    rights::{self, Trial},
    routes::{self, Routes, Why},
    server, session, table,
    topic::{self, Expectation, Payload},
    witness,
};
use crate::{
    fault::{Fault, FaultKind},
    kafka::{self, inspect::Inspector},
    outbox,
    postgres::{
        self, ReplicationConnection, SqlClient,
        facts::{self, Facts},
        survey::{self, Survey},
    },
};

/// What is to be examined.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `[postgres]`.
    pub postgres: &'a postgres::Config,
    /// `[outbox]` and `[route]`.
    pub outbox: &'a outbox::Config,
    /// `[kafka]`.
    pub kafka: &'a kafka::Config,
    /// Topics to examine instead of those that the route leads to.
    pub topics: &'a [String],
}

/// What PostgreSQL's side leaves for Kafka's.
struct Half {
    lines: Vec<Line>,
    not_examined: Vec<Area>,
    routes: Routes,
    expectation: Expectation,
}

/// Examines both servers; `progress` hears what is being asked. Changes nothing anywhere.
///
/// # Cancel safety
///
/// Dropping it leaves a thread that waits a few seconds more for Kafka, and nothing else.
pub async fn examine(subject: Subject<'_>, progress: &dyn Fn(&str)) -> Report {
    let config = subject.kafka.clone();
    // Kafka is called while PostgreSQL is asked: either may take seconds to say nothing.
    let call = tokio::task::spawn_blocking(move || Inspector::connect(&config));
    progress(&format!("asking PostgreSQL at {}", subject.postgres.conninfo.endpoint()));
    let Half { mut lines, mut not_examined, routes, expectation } = ask_postgres(subject).await;

    progress(&format!("asking Kafka at {}", subject.kafka.brokers));
    let (table, user) = (subject.outbox.table.to_string(), subject.postgres.conninfo.user());
    match call.await {
        Ok(Ok(inspector)) => {
            lines.extend(cluster::judge(inspector.cluster()));
            lines.extend(routes.lines(&subject.outbox.route.topic, &table, user));
            let expectation =
                Expectation { defaults: inspector.cluster().defaults.clone(), ..expectation };
            let mut names = routes.topics();
            let witness = subject.kafka.witness.as_ref().map(|topic| topic.name.clone());
            names.extend(witness.clone());
            let topics = tokio::task::spawn_blocking(move || inspector.topics(&names)).await;
            let mut topics = topics.unwrap_or_default();
            let last = witness.and_then(|_| topics.pop());
            lines.extend(topic::judge(&topics, &expectation));
            lines.push(witness::judge(last.as_ref()));
        }
        answer => {
            let fault = match answer {
                Ok(Err(error)) => error.fault(),
                Ok(Ok(_)) | Err(_) => stopped(),
            };
            lines.push(Line::closed(Area::Kafka, "brokers", &fault));
            not_examined.push(Area::Topics);
        }
    }
    lines.sort_by_key(|line| line.area);
    Report { lines, not_examined }
}

/// The thread that asks is ours alone to stop.
fn stopped() -> Fault {
    let sentence = "the thread that asks Kafka was stopped";
    Fault::new(FaultKind::Bug, sentence, "please report this")
}

async fn ask_postgres(subject: Subject<'_>) -> Half {
    match survey_all(subject).await {
        Ok(half) => half,
        Err(fault) => Half {
            lines: vec![Line::closed(Area::Postgres, "connection", &fault)],
            not_examined: vec![Area::Table, Area::Slot, Area::Rights],
            routes: Routes::without_rows(subject.topics, &subject.outbox.route.topic)
                .unwrap_or(Routes::Unknown(Why::NoTable)),
            expectation: expectation(subject, None),
        },
    }
}

async fn survey_all(subject: Subject<'_>) -> Result<Half, Fault> {
    let fault = |error: postgres::Error| error.fault();
    let (config, outbox) = (subject.postgres, subject.outbox);
    let table = (outbox.table.schema.as_str(), outbox.table.name.as_str());
    let client = SqlClient::connect(config).await.map_err(fault)?;
    let facts = facts::inspect(&client, config, table).await.map_err(fault)?;
    let oid = facts.table.as_ref().map(|table| table.oid);
    let survey = survey::survey(&client, oid, &outbox.columns.payload).await.map_err(fault)?;
    let clock = survey::clock(&client).await.map_err(fault)?;
    // After walsenders were counted, for it is one.
    let trial = match limits::is_out_of_walsenders(&facts, &survey) {
        true => Trial::LeftOut,
        false => try_replication(config).await,
    };
    let routes = match Routes::without_rows(subject.topics, &outbox.route.topic) {
        Some(routes) => routes,
        None if facts.judge_table().is_err() => Routes::Unknown(Why::NoTable),
        None => routes_of_rows(&client, subject).await,
    };
    let (user, name) = (config.conninfo.user(), config.conninfo.application_name());
    let allow_list = survey.text("output_plugin_libraries").is_some();
    let mut lines = server::judge(&facts, user);
    lines.insert(1, server::version(facts.server.version_num, allow_list, today()));
    lines.extend(limits::judge(&facts, &survey));
    lines.push(session::synchronous(
        survey.text("synchronous_standby_names").unwrap_or_default(),
        name,
    ));
    lines.push(session::encryption(&survey.session));
    lines.push(session::clock(clock));
    lines.extend(table::judge(&facts, &survey.shape, outbox));
    lines.extend(publication::judge(&facts, &survey, name));
    lines.extend(rights::judge(user, &facts.names.table, &survey.role, trial));
    let expectation = expectation(subject, Some((&facts, &survey)));
    Ok(Half { lines, not_examined: Vec::new(), routes, expectation })
}

async fn try_replication(config: &postgres::Config) -> Trial {
    let attempt = match ReplicationConnection::connect(config).await {
        Ok(mut connection) => connection.identify_system().await.map(drop),
        Err(error) => Err(error),
    };
    match attempt {
        Ok(()) => Trial::Admitted,
        Err(error) => Trial::Refused(error.fault()),
    }
}

/// The topics of the rows that are in the table now.
async fn routes_of_rows(client: &SqlClient, subject: Subject<'_>) -> Routes {
    let outbox::Config { table, route, .. } = subject.outbox;
    let columns: Vec<&str> = route.topic.columns().collect();
    let table = (table.schema.as_str(), table.name.as_str());
    match survey::values(client, table, &columns, routes::MOST_TOPICS).await {
        Ok(rows) => {
            let topic = |row: &Vec<Option<String>>| routes::fill(&route.topic, &columns, row);
            Routes::OfRows(rows.iter().filter_map(topic).collect())
        }
        Err(postgres::Error::RightsMissing { .. }) => Routes::Unknown(Why::MayNotRead),
        Err(error) => Routes::Unknown(Why::Failed(error.to_string())),
    }
}

fn expectation(subject: Subject<'_>, known: Option<(&Facts, &Survey)>) -> Expectation {
    let outbox::Config { columns, route, .. } = subject.outbox;
    let nullable = |key: &str| {
        let table = known.and_then(|(facts, _)| facts.table.as_ref());
        let mut columns = table.into_iter().flat_map(|table| &table.columns);
        columns.any(|column| column.name == key && !column.not_null)
    };
    let payload = match known {
        Some((Facts { table: Some(_), .. }, survey)) => {
            let limit = table::payload_limit(&survey.shape, &columns.payload);
            limit.map_or(Payload::Unlimited, Payload::AtMost)
        }
        _ => Payload::NotKnown,
    };
    Expectation {
        payload,
        has_timestamp_column: columns.timestamp.is_some(),
        key_may_be_null: route.key.single_column().is_some_and(nullable),
        create: subject.kafka.create_topics,
        defaults: Default::default(),
    }
}

/// Days since 1970.
fn today() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs() / 86_400).unwrap_or(0)
}
