//! Sampler: looks at the slot's row once a second, on an SQL connection of its own.

use std::time::Duration;

use super::stopping::{StopSignal, Stopping};
use crate::{
    observe::{Metrics, SlotSample, SlotState},
    postgres::{self, SqlClient, lag::Lag},
};

/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait after the server could not be asked.
const PAUSE: Duration = Duration::from_secs(5);

/// Samples until told to stop. Publishing never waits for it: in a fast shutdown SQL connections
/// end first, and confirming goes on.
pub(crate) async fn sample(config: postgres::Config, metrics: Metrics, mut stop: StopSignal) {
    while stop.now() == Stopping::No {
        tokio::select! {
            () = stop.beyond(Stopping::No) => return,
            error = sample_while_connected(&config, &metrics) => {
                tracing::debug!(error = %error, "the slot cannot be looked at");
            }
        }
        tokio::select! {
            () = stop.beyond(Stopping::No) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn sample_while_connected(config: &postgres::Config, metrics: &Metrics) -> postgres::Error {
    let client = match SqlClient::connect(config).await {
        Ok(client) => client,
        Err(error) => return error,
    };
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match Lag::read(&client).await {
            Ok(Some(lag)) => metrics.slot(&SlotSample {
                lag_bytes: lag.lag_bytes,
                retained_bytes: lag.retained_bytes,
                safe_bytes: lag.safe_wal_size,
                state: SlotState::from_wal_status(lag.wal_status.label())
                    .unwrap_or(SlotState::Missing),
            }),
            Ok(None) => metrics.slot(&SlotSample {
                lag_bytes: 0,
                retained_bytes: 0,
                safe_bytes: None,
                state: SlotState::Missing,
            }),
            Err(error) => return error,
        }
    }
}
