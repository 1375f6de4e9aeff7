//! Sampler: looks at slot and catalog once a second, on an SQL connection of its own.

use std::time::Duration;

use super::{
    Settings,
    alarm::AlarmBell,
    stopping::{StopSignal, Stopping},
};
use crate::{
    fault::FaultKind,
    observe::{Metrics, SlotSample, SlotState},
    postgres::{self, SqlClient, facts, lag::Lag},
};

/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait after the server could not be asked.
const PAUSE: Duration = Duration::from_secs(5);

/// Samples until told to stop. Publishing never waits for it: in a fast shutdown SQL connections
/// end first, and confirming goes on.
///
/// The stream does not say that the publication lacks the table all of a sudden: keepalives go on,
/// and rows are missing. So the catalog is looked at, too.
pub(crate) async fn sample(
    config: Settings,
    metrics: Metrics,
    bell: AlarmBell,
    mut stop: StopSignal,
) {
    while stop.now() == Stopping::No {
        tokio::select! {
            () = stop.beyond(Stopping::No) => return,
            error = sample_while_connected(&config, &metrics, &bell) => {
                tracing::debug!(error = %error, "the slot cannot be looked at");
            }
        }
        tokio::select! {
            () = stop.beyond(Stopping::No) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn sample_while_connected(
    config: &Settings,
    metrics: &Metrics,
    bell: &AlarmBell,
) -> postgres::Error {
    let table = &config.outbox.table;
    let client = match SqlClient::connect(&config.postgres).await {
        Ok(client) => client,
        Err(error) => return error,
    };
    if let Err(error) = client.may_idle().await {
        return error;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match Lag::read(&client).await {
            Ok(lag) => metrics.slot(&slot_sample(lag)),
            Err(error) => return error,
        }
        match facts::inspect(&client, &config.postgres, (&table.schema, &table.name)).await {
            Ok(facts) => {
                let fault = facts.verdict().err().map(|error| error.fault());
                if fault.as_ref().is_none_or(|fault| fault.kind == FaultKind::SlotBusy) {
                    bell.show(facts.look());
                }
                bell.tell(fault);
            }
            Err(error) => return error,
        }
    }
}

fn slot_sample(lag: Option<Lag>) -> SlotSample {
    let Some(lag) = lag else {
        let (lag_bytes, retained_bytes, safe_bytes) = (0, 0, None);
        return SlotSample { lag_bytes, retained_bytes, safe_bytes, state: SlotState::Missing };
    };
    SlotSample {
        lag_bytes: lag.lag_bytes,
        retained_bytes: lag.retained_bytes,
        safe_bytes: lag.safe_wal_size,
        state: SlotState::from_wal_status(lag.wal_status.label()).unwrap_or(SlotState::Missing),
    }
}
