//! Process: the publisher's thread beside HTTP, signals and the sampler.

use std::{thread, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};

use super::{
    Settings,
    alarm::alarm,
    sampler,
    stopping::{StopSignal, Stopping},
    supervisor::Supervisor,
};
use crate::{
    fault::{Fault, FaultKind},
    observe::{Health, Metrics, http},
};

/// How long the publisher has to leave by itself after the second signal.
const LAST_GRACE: Duration = Duration::from_millis(300);

/// Publishes until told to stop by SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// The fault that ended it, see [`Fault::kind`].
pub fn run(config: &Settings) -> Result<(), Fault> {
    // Before anything is connected: it would be found out anyway, and later.
    config.kafka.verify().map_err(|error| error.fault())?;
    for warning in config.kafka.warnings() {
        tracing::warn!(hint = %warning.hint, "{warning}");
    }
    let runtime = current_thread()?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Settings) -> Result<(), Fault> {
    let (metrics, health) = (Metrics::new(), Health::new());
    let (tell, stop) = StopSignal::new();
    listen_for_signals(tell)?;
    let listener = http::bind(&config.http).await?;
    let mut http_stop = stop.clone();
    let http_end = async move { http_stop.beyond(Stopping::AtOnce).await };
    tokio::spawn(http::serve(listener, metrics.clone(), health.clone(), http_end));
    let (bell, alarm) = alarm();
    tokio::spawn(sampler::sample(config.clone(), metrics.clone(), bell, stop.clone()));
    let supervisor = Supervisor::new(config.clone(), metrics, health, (stop, alarm));
    supervise(supervisor).await
}

/// Runs the supervisor on a thread of its own: it sleeps and waits inside librdkafka, which would
/// stop everything else on a shared one.
async fn supervise(supervisor: Supervisor) -> Result<(), Fault> {
    let (done, result) = oneshot::channel();
    let thread = thread::Builder::new().name("publisher".into()).spawn(move || {
        let outcome = current_thread().and_then(|runtime| runtime.block_on(supervisor.run()));
        let _ = done.send(outcome);
    });
    let thread = thread.map_err(|error| cannot("start the publisher's thread", &error))?;
    let outcome = result.await;
    let joined = thread.join();
    match (outcome, joined) {
        (Ok(outcome), Ok(())) => outcome,
        _ => Err(Fault::new(
            FaultKind::Bug,
            "the publisher's thread ended by a bug",
            "please report it; the slot keeps the place, nothing is lost",
        )),
    }
}

fn listen_for_signals(tell: watch::Sender<Stopping>) -> Result<(), Fault> {
    let listen = |kind| signal(kind).map_err(|error| cannot("listen for signals", &error));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for next in [Stopping::Drain, Stopping::AtOnce] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tell.send_replace(next);
        }
        // Asked twice: not even librdkafka's end is waited for. What is not confirmed is sent
        // again after the next start.
        tokio::time::sleep(LAST_GRACE).await;
        std::process::exit(0);
    });
    Ok(())
}

fn current_thread() -> Result<Runtime, Fault> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot("start the runtime", &error))
}

fn cannot(what: &str, error: &std::io::Error) -> Fault {
    Fault::new(
        FaultKind::Bug,
        format!("the system does not let Postrider {what}: {error}"),
        "see the limits of the process (ulimit, container limits)",
    )
}
