//! Gate: one record alone until a partition has acknowledged something from this producer.
//!
//! A broker that knows nothing of a producer id accepts any first sequence number. So when the
//! first batch of a new producer is refused, the batches behind it would be appended and overtake
//! it, `enable.gapless.guarantee` or not. After one acknowledged record they are not, until the
//! broker forgets the producer id again (`producer.id.expiration.ms`, a day by default).

use std::time::{Duration, Instant};

/// A partition that has acknowledged nothing for this long is cold again. Far below the day after
/// which a broker forgets, and one round trip after ten quiet minutes costs nothing.
const COOLS_AFTER: Duration = Duration::from_secs(600);

/// What is known of one partition of a topic.
#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    /// When it last acknowledged a record of this producer.
    acknowledged_at: Option<Instant>,
    /// Records on their way to it. Invariant: when one is added, it was warm or there was none.
    in_flight: u32,
}

impl Partition {
    fn admits(&self, now: Instant) -> bool {
        let is_warm = |at: Instant| now.saturating_duration_since(at) < COOLS_AFTER;
        self.in_flight == 0 || self.acknowledged_at.is_some_and(is_warm)
    }
}

/// The partitions of one topic, as far as this producer has used them.
#[derive(Debug)]
pub(crate) struct Gate {
    partitions: Vec<Partition>,
}

impl Gate {
    /// A gate for a topic of `partitions` partitions, all cold.
    pub(crate) fn new(partitions: u32) -> Gate {
        Gate { partitions: vec![Partition::default(); partitions.max(1) as usize] }
    }

    /// How many partitions the topic has.
    pub(crate) fn partitions(&self) -> u32 {
        self.partitions.len() as u32
    }

    /// Whether nothing is on its way to any partition.
    pub(crate) fn is_idle(&self) -> bool {
        self.partitions.iter().all(|partition| partition.in_flight == 0)
    }

    /// The topic has `partitions` partitions now; new ones are cold. With fewer than before it is
    /// another topic, and all are.
    ///
    /// # Panics
    /// While something is in flight: it would come back to a partition that is counted anew.
    pub(crate) fn resize(&mut self, partitions: u32) {
        assert!(self.is_idle(), "partitions are counted anew when nothing is in flight");
        if partitions < self.partitions() {
            self.partitions.clear();
        }
        self.partitions.resize(partitions.max(1) as usize, Partition::default());
    }

    /// Whether a record may go to `partition` now.
    pub(crate) fn admits(&self, partition: u32, now: Instant) -> bool {
        self.partitions.get(partition as usize).is_none_or(|partition| partition.admits(now))
    }

    /// A record went to `partition`.
    pub(crate) fn sent(&mut self, partition: u32, now: Instant) {
        let partition = self.partition(partition);
        assert!(partition.admits(now), "a cold partition takes one record");
        partition.in_flight += 1;
    }

    /// The record that was sent to `expected` came back; `acknowledged` names the partition that
    /// holds it, `None` when it was not acknowledged. The two differ when partitions were added.
    pub(crate) fn returned(&mut self, expected: u32, acknowledged: Option<u32>, now: Instant) {
        let partition = self.partition(expected);
        partition.in_flight = partition.in_flight.saturating_sub(1);
        if let Some(actual) = acknowledged {
            self.partition(actual).acknowledged_at = Some(now);
        }
    }

    fn partition(&mut self, number: u32) -> &mut Partition {
        let index = number as usize;
        if index >= self.partitions.len() {
            self.partitions.resize(index + 1, Partition::default());
        }
        &mut self.partitions[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_partition_takes_one_record_and_opens_with_its_acknowledgement() {
        let now = Instant::now();
        let mut gate = Gate::new(2);
        assert!(gate.admits(0, now));
        gate.sent(0, now);
        assert!(!gate.admits(0, now));
        assert!(gate.admits(1, now));
        gate.returned(0, Some(0), now);
        gate.sent(0, now);
        assert!(gate.admits(0, now));
    }

    #[test]
    fn a_refusal_does_not_warm_a_partition() {
        let now = Instant::now();
        let mut gate = Gate::new(1);
        gate.sent(0, now);
        gate.returned(0, None, now);
        gate.sent(0, now);
        assert!(!gate.admits(0, now));
    }

    #[test]
    fn a_partition_that_was_quiet_for_long_is_cold_again() {
        let now = Instant::now();
        let mut gate = Gate::new(1);
        gate.sent(0, now);
        gate.returned(0, Some(0), now);
        gate.sent(0, now + COOLS_AFTER);
        assert!(!gate.admits(0, now + COOLS_AFTER));
        gate.returned(0, Some(0), now + COOLS_AFTER);
        gate.sent(0, now + COOLS_AFTER);
        assert!(gate.admits(0, now + COOLS_AFTER));
    }

    #[test]
    fn added_partitions_are_cold_and_the_others_stay_warm_but_in_a_smaller_topic() {
        let now = Instant::now();
        let mut gate = Gate::new(1);
        gate.sent(0, now);
        assert!(!gate.is_idle());
        gate.returned(0, Some(0), now);
        gate.resize(2);
        for partition in 0..2 {
            gate.sent(partition, now);
        }
        assert!(gate.admits(0, now) && !gate.admits(1, now));
        gate.returned(0, Some(0), now);
        gate.returned(1, Some(1), now);
        gate.resize(1);
        gate.sent(0, now);
        assert!(!gate.admits(0, now));
    }

    #[test]
    fn partitions_that_were_added_are_learnt_from_acknowledgements() {
        let now = Instant::now();
        let mut gate = Gate::new(1);
        gate.sent(0, now);
        gate.returned(0, Some(3), now);
        assert_eq!(gate.partitions(), 4);
        assert!(gate.admits(3, now));
    }
}
