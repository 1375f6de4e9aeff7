//! Properties of the tracker against a naive model that keeps every row.

use proptest::prelude::*;

use super::tracker::{AckTracker, Ticket};
use crate::wal::Lsn;

/// What may happen next; the numbers choose among what is possible.
#[derive(Debug, Clone)]
enum Step {
    Begin,
    Publish,
    Commit(u64),
    Keepalive(u64),
    Acknowledge(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Begin),
        5 => Just(Step::Publish),
        2 => (1u64..50).prop_map(Step::Commit),
        2 => (0u64..80).prop_map(Step::Keepalive),
        5 => any::<usize>().prop_map(Step::Acknowledge),
    ]
}

/// The naive model: every transaction with the fate of every row, and every end ever seen.
#[derive(Default)]
struct Model {
    start: u64,
    transactions: Vec<(Option<u64>, Vec<bool>)>,
    idle_ends: Vec<u64>,
    highest: u64,
}

impl Model {
    fn in_transaction(&self) -> bool {
        self.transactions.last().is_some_and(|(end, _)| end.is_none())
    }

    fn is_settled(&self) -> bool {
        self.transactions.iter().all(|(end, rows)| end.is_some() && rows.iter().all(|acked| *acked))
    }

    /// The end of the longest acknowledged prefix, or an idle keepalive beyond it.
    fn confirmable(&self) -> u64 {
        let done =
            |(end, rows): &&(Option<u64>, Vec<bool>)| end.is_some() && rows.iter().all(|a| *a);
        let prefix = self.transactions.iter().take_while(done).filter_map(|(end, _)| *end).last();
        let idle = self.idle_ends.iter().copied().max();
        prefix.unwrap_or(self.start).max(idle.unwrap_or(self.start)).max(self.start)
    }
}

/// Plays `steps` on both and compares after each.
fn play(steps: &[Step]) -> Result<(), TestCaseError> {
    let start = 1_000;
    let mut tracker = AckTracker::new(Lsn::new(start));
    let mut model = Model { start, highest: start, ..Model::default() };
    let mut tickets: Vec<(Ticket, usize, usize)> = Vec::new();
    let mut before = tracker.confirmed();
    for step in steps {
        match *step {
            Step::Begin if !model.in_transaction() => {
                tracker.begin();
                model.transactions.push((None, Vec::new()));
            }
            Step::Publish if model.in_transaction() => {
                let transaction = model.transactions.len() - 1;
                let rows = &mut model.transactions[transaction].1;
                rows.push(false);
                tickets.push((tracker.publish(3), transaction, rows.len() - 1));
            }
            Step::Commit(ahead) if model.in_transaction() => {
                let end = model.highest + ahead;
                model.highest = end;
                model.transactions.last_mut().unwrap().0 = Some(end);
                tracker.commit(Lsn::new(end));
            }
            Step::Keepalive(offset) => {
                // Sometimes below what is known: the server does that after a reconnection.
                let end = (model.highest + offset).saturating_sub(20);
                if model.is_settled() {
                    model.idle_ends.push(end);
                }
                model.highest = model.highest.max(end);
                tracker.keepalive(Lsn::new(end));
            }
            Step::Acknowledge(pick) if !tickets.is_empty() => {
                let (ticket, transaction, row) = tickets.swap_remove(pick % tickets.len());
                model.transactions[transaction].1[row] = true;
                tracker.acknowledge(ticket);
            }
            _ => continue,
        }
        let confirmed = tracker.confirmed();
        prop_assert_eq!(confirmed.lsn().as_u64(), model.confirmable(), "A1, A3, A6");
        prop_assert!(confirmed >= before, "A2");
        prop_assert!(confirmed.lsn().as_u64() <= model.highest, "A7");
        prop_assert_eq!(tracker.in_flight_events() as usize, tickets.len());
        prop_assert_eq!(tracker.in_flight_bytes() as usize, tickets.len() * 3);
        prop_assert!(tracker.window_events() >= tracker.in_flight_events());
        prop_assert_eq!(tracker.is_settled(), model.is_settled());
        before = confirmed;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_tracker_agrees_with_the_naive_model(steps in prop::collection::vec(step(), 0..200)) {
        play(&steps)?;
    }

    #[test]
    fn large_transactions_agree_with_the_naive_model_too(
        rows in 200usize..900,
        picks in prop::collection::vec(any::<usize>(), 0..900),
    ) {
        let mut steps = vec![Step::Begin];
        for (row, pick) in (0..rows).zip(picks.iter().chain(std::iter::repeat(&0))) {
            steps.push(Step::Publish);
            if row % 3 != 0 {
                steps.push(Step::Acknowledge(*pick));
            }
        }
        steps.push(Step::Commit(5));
        steps.extend((0..rows).map(Step::Acknowledge));
        play(&steps)?;
    }
}
