//! Attest: what `postrider init` has to do with the witness.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::{Settings, gaps, keeper::found_in, opening::catalog_table};
use crate::{
    fault::{Fault, FaultKind},
    kafka::{
        inspect::{Inspector, Presence},
        witnesses,
    },
    outbox::{CatalogColumn, Mapper},
    postgres::{
        Error, SqlClient,
        facts::{self, Facts},
        setup,
    },
    wal::{LogicalMessage, Lsn},
    witness::{Cause, Gap, Here, Highest, Look, Witness, compare},
};

/// From this version on a missing publication is warned of and its rows are skipped.
const WARNS_ONLY: i32 = 180_000;

/// How long to wait for a slot that is in use.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
const AGAIN: Duration = Duration::from_millis(250);

/// Makes the witness topic, and writes the first witness of the slot; compares, when there is one.
/// With `accept_gap`, a gap is taken note of and a witness written as if it were the first.
///
/// # Errors
/// What Kafka or PostgreSQL answer, or the gap ([`FaultKind::Gap`]).
pub fn attest(
    config: &Settings,
    accept_gap: bool,
    runtime: &Runtime,
    report: &mut dyn FnMut(&str),
) -> Result<(), Fault> {
    let Some(topic) = &config.kafka.witness else {
        report("witness: none, as kafka.witness_topic is empty");
        return Ok(());
    };
    let inspector = Inspector::connect(&config.kafka).map_err(|error| error.fault())?;
    let asked = inspector.topics(std::slice::from_ref(&topic.name));
    let is_missing = asked.iter().any(|topic| topic.presence == Presence::Missing);
    let created =
        is_missing && witnesses::create(&config.kafka, topic).map_err(|error| error.fault())?;
    let state = if created { "created" } else { "already there" };
    report(&format!("witness topic {:?}: {state}", topic.name));

    let subject = gaps::subject(config);
    let object = format!("witness of replication slot {:?}", subject.slot);
    let limit = Instant::now() + PATIENCE;
    let (facts, here, found, gap) = loop {
        let (facts, here) = runtime.block_on(look(config)).map_err(|error| error.fault())?;
        let records = witnesses::read_soon(&config.kafka, &topic.name, created);
        let found = found_in(&records.map_err(|error| error.fault())?, &subject);
        let is_used = facts.slot.as_ref().is_some_and(|slot| slot.active);
        let gap = match (compare(found.witness.as_ref(), &here), &found.witness) {
            // Whoever streams from it keeps the witness.
            (Ok(()), _) if is_used => {
                return note(report, &object, "kept by the publisher that runs");
            }
            (Ok(()), Some(_)) => {
                return note(report, &object, "already there, and nothing is missing");
            }
            (Ok(()), None) => None,
            (Err(gap), _) if !accept_gap => {
                return Err(runtime.block_on(gaps::counted(config, &gap)));
            }
            // A publisher that is about to notice lets go in a moment.
            (Err(_), _) if is_used && Instant::now() < limit => {
                std::thread::sleep(AGAIN);
                continue;
            }
            (Err(_), _) if is_used => return Err(in_use(&subject.slot)),
            (Err(gap), _) => Some(gap),
        };
        break (facts, here, found, gap);
    };
    let passed = match &gap {
        Some(gap) => {
            let replaced = is_replaced(found.witness.as_ref(), &here);
            let passed = runtime.block_on(pass_over(config, &facts, (gap, replaced)));
            passed.map_err(|error| error.fault())?
        }
        None => None,
    };
    let confirmed = passed.or(here.slot_confirmed.ok()).unwrap_or(here.look.lsn);
    let witness = Witness {
        subject,
        system_identifier: here.system_identifier,
        timeline: here.timeline,
        epoch: found.next_epoch(),
        confirmed,
        seen: here.look,
        spoiled: None,
    };
    gaps::write(&config.kafka, &topic.name, &witness).map_err(|error| error.fault())?;
    note(report, &object, &told(gap.as_ref(), &found, confirmed))
}

fn note(report: &mut dyn FnMut(&str), object: &str, state: &str) -> Result<(), Fault> {
    report(&format!("{object}: {state}"));
    Ok(())
}

fn told(gap: Option<&Gap>, found: &Highest, confirmed: Lsn) -> String {
    match gap {
        Some(Gap { after, until, .. }) => format!(
            "written at {confirmed}; events committed in ({after}, {until}] that are not in Kafka \
             are given up"
        ),
        None if found.keys.is_empty() => format!("written at {confirmed}"),
        None => format!("written at {confirmed}; what was there cannot be read"),
    }
}

/// The facts, and what a witness is compared with.
async fn look(config: &Settings) -> Result<(Facts, Here), Error> {
    let table = &config.outbox.table;
    let sql = SqlClient::connect(&config.postgres).await?;
    let facts = facts::inspect(&sql, &config.postgres, (&table.schema, &table.name)).await?;
    let timelines = gaps::timelines(config, facts.server.timeline).await?;
    let slot = facts.slot.as_ref().and_then(|slot| slot.confirmed_flush_lsn);
    let here = Here {
        system_identifier: facts.server.system_identifier,
        timeline: facts.server.timeline,
        history: timelines,
        slot_confirmed: slot.ok_or_else(|| "the slot is not ready".to_owned()),
        look: facts.look(),
    };
    Ok((facts, here))
}

/// What was written while the catalog was another one may stand in the way for ever: without a
/// publication the server fails at it, and without a column we do. The gap covers that time, so then
/// the slot passes over it; where it came to stand is returned.
///
/// From PostgreSQL 18 on the server warns where it failed before, and the stream is ended for the
/// warning; a query does not show it. So there it is enough that the publication was `replaced`.
async fn pass_over(
    config: &Settings,
    facts: &Facts,
    (gap, replaced): (&Gap, bool),
) -> Result<Option<Lsn>, Error> {
    let of_catalog = |cause: &Cause| matches!(cause, Cause::Catalog { .. } | Cause::Spoiled { .. });
    let stands = facts.slot.as_ref().and_then(|slot| slot.confirmed_flush_lsn);
    if !gap.causes.iter().any(of_catalog) || stands.is_none_or(|stands| stands >= gap.until) {
        return Ok(None);
    }
    let mut sql = SqlClient::connect(&config.postgres).await?;
    let stuck = replaced && facts.server.version_num >= WARNS_ONLY;
    let stuck = stuck
        || match setup::relations_before(&mut sql, gap.until).await {
            Ok(messages) => {
                let today = catalog_table(facts).columns;
                messages.iter().any(|message| is_short_of_columns(config, &today, message))
            }
            Err(Error::Server { .. } | Error::PublicationMissing { .. }) => true,
            Err(error) => return Err(error),
        };
    if !stuck {
        return Ok(None);
    }
    setup::pass_over(&sql, gap.until).await?;
    Ok(Some(gap.until))
}

/// Whether the publication is another one than when it was seen good.
fn is_replaced(witness: Option<&Witness>, here: &Here) -> bool {
    let oid = |look: &Look| look.identity.oid(facts::THE_PUBLICATION).map(str::to_owned);
    witness.is_some_and(|witness| oid(&witness.seen) != oid(&here.look))
}

/// Whether rows of this description cannot become records.
fn is_short_of_columns(config: &Settings, today: &[CatalogColumn], message: &[u8]) -> bool {
    let mapper = Mapper::new(config.outbox.clone());
    match LogicalMessage::decode(message) {
        Ok(LogicalMessage::Relation(relation)) if mapper.is_outbox(&relation) => {
            mapper.older_relation(&relation, today).is_err()
        }
        _ => false,
    }
}

fn in_use(slot: &str) -> Fault {
    Fault::new(
        FaultKind::SlotBusy,
        format!("replication slot {slot:?} is in use: a publisher streams from it"),
        "stop the publisher, then run this again",
    )
}
