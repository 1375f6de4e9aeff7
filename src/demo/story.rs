//! The story: from the first process to the last, and that nothing is left of it.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{Config, Error, broker::Broker, cast::Cast, closing, error::machine, teller::Teller};

/// How the demo ended when nothing kept it from being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every count is as it has to be.
    Good,
    /// One is not.
    Bad,
    /// A person, or the system, ended it before its end.
    Interrupted,
}

/// Tells the story on stdout. Everything it made is gone when it returns, however it ends.
///
/// # Errors
/// When the story cannot be told: no PostgreSQL, no Kafka, a child that fails.
pub fn run(config: &Config) -> Result<Ending, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(machine("start a runtime"))?;
    let ending = runtime.block_on(async {
        let interrupted = interruption()?;
        let mut teller = Teller::new();
        teller
            .say("Postrider's demo: an order is paid, another service grants its points, once.\n");
        let broker = match &config.kafka {
            Some(address) => Broker::real(address)?,
            None => Broker::embedded()?,
        };
        broker.must_answer()?;
        // From here on there may be a topic to remove, whoever ends the story.
        let ending = tokio::select! {
            outcome = act(config, &broker, &mut teller) => outcome,
            () = interrupted => Ok(Ending::Interrupted),
        };
        broker.clear().await;
        ending
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ending
}

/// Resolves at the first signal that asks for the end.
fn interruption() -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| signal(kind).map_err(machine("listen for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

async fn act(config: &Config, broker: &Broker, teller: &mut Teller) -> Result<Ending, Error> {
    broker.create_topic().await?;
    let (mut cast, shop) = Cast::enter(config, broker, teller).await?;
    cast.trade(config.open, &shop).await?;
    let outcome = closing::close(&mut cast, shop).await?;
    Ok(if outcome.is_good() { Ending::Good } else { Ending::Bad })
}
