//! What a session needs to look for gaps, and what it takes to tell of one.

use std::time::{Duration, Instant};

use super::{Settings, ending::Ended, keeper::found_in};
use crate::{
    fault::{Fault, FaultKind},
    kafka::{
        self,
        witnesses::{self, Reading, Records, WitnessError},
    },
    postgres::{
        Error, ReplicationConnection, SqlClient, count,
        facts::{Facts, StartPoint},
        lag::Lag,
    },
    wal::Lsn,
    witness::{Gap, Here, Highest, Subject, TimelineEnd, Witness, compare},
};

/// How long to wait for the witness of a slot that is gone, to say since when.
const PATIENCE: Duration = Duration::from_secs(5);

/// A gap that was found is looked for again after this: right after a change of leader, a broker may
/// show less than it has acknowledged.
const DOUBT: Duration = Duration::from_millis(500);

/// The slot that witnesses are about.
pub(super) fn subject(config: &Settings) -> Subject {
    Subject {
        database: config.postgres.conninfo.dbname().to_owned(),
        slot: config.postgres.slot.clone(),
    }
}

/// What a witness is compared with.
pub(super) fn here(facts: &Facts, slot: &StartPoint, timelines: Vec<(u32, Lsn)>) -> Here {
    Here {
        system_identifier: slot.system_identifier,
        timeline: slot.timeline,
        history: ended(timelines),
        slot_confirmed: Ok(slot.confirmed),
        look: facts.look(),
    }
}

fn ended(timelines: Vec<(u32, Lsn)>) -> Vec<TimelineEnd> {
    timelines.into_iter().map(|(timeline, end)| TimelineEnd { timeline, end }).collect()
}

/// The timelines that `timeline` descends from, asked on a connection of its own.
pub(super) async fn timelines(config: &Settings, timeline: u32) -> Result<Vec<TimelineEnd>, Error> {
    if timeline <= 1 {
        return Ok(Vec::new());
    }
    let mut connection = ReplicationConnection::connect(&config.postgres).await?;
    connection.timeline_history(timeline).await.map(ended)
}

/// The slot still stands where it did before the stream began. Else another publisher had it in
/// between, or somebody moved it, and the server has begun further on without a word.
pub(super) async fn must_stand(sql: &SqlClient, slot: &StartPoint) -> Result<(), Ended> {
    let stands = Lag::read(sql).await?.and_then(|lag| lag.confirmed_lsn);
    if stands == Some(slot.confirmed) {
        return Ok(());
    }
    Err(Ended::Held(
        Fault::new(
            FaultKind::SlotBusy,
            "the replication slot was moved while its stream was opened",
            "nothing; the stream is opened again from where the slot stands now",
        ),
        None,
    ))
}

/// Compares before the stream is opened: when a session was suspicious, or would end before it has
/// compared, and so that a slot with a gap is not in the way of whoever mends it.
pub(super) async fn compare_first(
    config: &Settings,
    sql: &SqlClient,
    mut here: Here,
) -> Result<Option<Highest>, Ended> {
    let Some(topic) = &config.kafka.witness else { return Ok(None) };
    for last in [false, true] {
        let records = records(config, &topic.name).await;
        let records = records.map_err(|error| Ended::Held(error.fault(), None))?;
        let found = found_in(&records, &subject(config));
        // Now, and not before: what was confirmed in between is not ahead of the server's WAL.
        let lag = Lag::read(sql).await?;
        here.look.lsn = lag.map_or(here.look.lsn, |lag| lag.current_lsn.max(here.look.lsn));
        match compare(found.witness.as_ref(), &here) {
            Ok(()) => return Ok(Some(found)),
            Err(gap) if last => return Err(Ended::Gap(gap)),
            Err(_) => tokio::time::sleep(DOUBT).await,
        }
    }
    unreachable!("the last round returns")
}

async fn records(config: &Settings, topic: &str) -> Result<Records, WitnessError> {
    let reading = Reading::start(&config.kafka, topic, Duration::ZERO);
    let limit = Instant::now() + PATIENCE;
    loop {
        match reading.answer() {
            Some(answer) => return answer,
            None if Instant::now() >= limit => {
                let (topic, reason) = (topic.to_owned(), "the brokers do not answer".to_owned());
                return Err(WitnessError::NotNow { topic, reason });
            }
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What it means that the verdict is this. A slot that is gone leaves a gap; the witness knows from
/// where on.
pub(super) async fn of_a_slot_that_is_gone(
    config: &Settings,
    facts: &Facts,
    error: Error,
) -> Ended {
    let (Error::SlotMissing { .. } | Error::SlotInvalidated { .. }, Some(topic)) =
        (&error, &config.kafka.witness)
    else {
        return error.into();
    };
    let Ok(records) = records(config, &topic.name).await else { return error.into() };
    let here = Here {
        system_identifier: facts.server.system_identifier,
        timeline: facts.server.timeline,
        history: timelines(config, facts.server.timeline).await.unwrap_or_default(),
        slot_confirmed: Err(error.to_string()),
        look: facts.look(),
    };
    let witness = found_in(&records, &subject(config)).witness;
    match compare(witness.as_ref(), &here) {
        Err(gap) => Ended::Gap(gap),
        Ok(()) => error.into(),
    }
}

/// Takes down that the catalog was seen in a state in which rows go missing, so that nobody passes
/// over it once it is mended: not after a restart either.
pub(super) async fn remember(config: &Settings, what: &str) -> Result<(), Ended> {
    let Some(topic) = config.kafka.witness.clone() else { return Ok(()) };
    let (kafka, subject, what) = (config.kafka.clone(), subject(config), what.to_owned());
    let remembered = tokio::task::spawn_blocking(move || {
        let found = found_in(&witnesses::read(&kafka, &topic.name)?, &subject);
        let epoch = found.next_epoch();
        match found.witness {
            // It is known, or there is nothing that could be missed.
            None | Some(Witness { spoiled: Some(_), .. }) => Ok(()),
            Some(last) => {
                let spoiled = Witness { epoch, spoiled: Some(what), ..last };
                write(&kafka, &topic.name, &spoiled)
            }
        }
    });
    let late = || {
        Ended::Held(
            Fault::new(
                FaultKind::Kafka,
                "Kafka does not answer, and what was wrong with the catalog has to be written to the witness topic",
                "see whether the brokers are up; nothing is lost, publishing goes on when they are",
            ),
            None,
        )
    };
    match tokio::time::timeout(PATIENCE, remembered).await {
        Ok(Ok(done)) => done.map_err(|error| Ended::Held(error.fault(), None)),
        Ok(Err(_)) | Err(_) => Err(late()),
    }
}

/// Writes a witness outside of a session.
pub(super) fn write(
    kafka: &kafka::Config,
    topic: &str,
    witness: &Witness,
) -> Result<(), WitnessError> {
    let key = witness.subject.key(&format!("{:016x}", fastrand::u64(..)));
    witnesses::write(kafka, topic, &key, &witness.to_json())
}

/// The gap as a fault that says how many rows of the table may lie in it.
pub(super) async fn counted(config: &Settings, gap: &Gap) -> Fault {
    let table = &config.outbox.table.to_string();
    let rows = match gap.oldest_xid {
        None => format!("every row of {table} is in question"),
        Some(xid) => match rows(config, table, xid).await {
            Ok(1) => format!("1 row of {table} was written since"),
            Ok(rows) => format!("{rows} rows of {table} were written since"),
            Err(error) => format!("the rows of {table} in it cannot be counted ({error})"),
        },
    };
    let mut fault = gap.fault(&rows);
    if let Some(xid) = gap.oldest_xid {
        let since = count::since(xid);
        fault.hint = format!("SELECT * FROM {table} WHERE {since} shows them; {}", fault.hint);
    }
    fault
}

async fn rows(config: &Settings, table: &str, xid: u64) -> Result<i64, Error> {
    let client = SqlClient::connect(&config.postgres).await?;
    count::rows_since(&client, table, xid).await
}
