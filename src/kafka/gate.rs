//! Gate: one record alone until a partition has acknowledged something from this producer.
//!
//! A broker that knows nothing of a producer id accepts any first sequence number. So when the
//! first batch of a new producer is refused, the batches behind it would be appended and overtake
//! it, `enable.gapless.guarantee` or not. After one acknowledged record they are not.

/// What is known of one partition of a topic.
#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    /// It has acknowledged a record of this producer.
    warm: bool,
    /// Records on their way to it. Invariant: at most 1 while it is not warm.
    in_flight: u32,
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

    /// Whether a record may go to `partition` now.
    pub(crate) fn admits(&self, partition: u32) -> bool {
        self.partitions.get(partition as usize).is_none_or(|p| p.warm || p.in_flight == 0)
    }

    /// A record went to `partition`.
    pub(crate) fn sent(&mut self, partition: u32) {
        let partition = self.partition(partition);
        assert!(partition.warm || partition.in_flight == 0, "a cold partition takes one record");
        partition.in_flight += 1;
    }

    /// The record that was sent to `expected` came back; `acknowledged` names the partition that
    /// holds it, `None` when it was not acknowledged. The two differ when partitions were added.
    pub(crate) fn returned(&mut self, expected: u32, acknowledged: Option<u32>) {
        let partition = self.partition(expected);
        partition.in_flight = partition.in_flight.saturating_sub(1);
        if let Some(actual) = acknowledged {
            self.partition(actual).warm = true;
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
        let mut gate = Gate::new(2);
        assert!(gate.admits(0));
        gate.sent(0);
        assert!(!gate.admits(0));
        assert!(gate.admits(1));
        gate.returned(0, Some(0));
        gate.sent(0);
        assert!(gate.admits(0));
    }

    #[test]
    fn a_refusal_does_not_warm_a_partition() {
        let mut gate = Gate::new(1);
        gate.sent(0);
        gate.returned(0, None);
        gate.sent(0);
        assert!(!gate.admits(0));
    }

    #[test]
    fn partitions_that_were_added_are_learnt_from_acknowledgements() {
        let mut gate = Gate::new(1);
        gate.sent(0);
        gate.returned(0, Some(3));
        assert_eq!(gate.partitions(), 4);
        assert!(gate.admits(3));
    }
}
