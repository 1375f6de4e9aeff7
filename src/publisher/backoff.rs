//! Backoff: how long to wait before the next try.

use std::time::Duration;

/// Waits that double from `first` to `longest`.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, tries: 0 }
    }

    /// The next wait: `first`, twice that, four times, … `longest`.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let doubled = 1u32.checked_shl(self.tries).and_then(|n| self.first.checked_mul(n));
        self.tries = self.tries.saturating_add(1);
        doubled.map_or(self.longest, |wait| wait.min(self.longest))
    }

    /// The next wait, shortened by up to half as `random` (0..1) says, so that many publishers
    /// which lost the same server do not come back in step.
    pub(crate) fn next_jittered(&mut self, random: f64) -> Duration {
        self.next_wait().mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }

    /// It worked: begin with `first` again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_and_are_capped_for_ever() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(10), seconds(100));
        let waits: Vec<_> = (0..200).map(|_| backoff.next_wait()).collect();
        assert_eq!(waits[..5], [10, 20, 40, 80, 100].map(seconds));
        assert!(waits[5..].iter().all(|wait| *wait == seconds(100)));
        backoff.reset();
        assert_eq!(backoff.next_wait(), seconds(10));
    }

    proptest! {
        #[test]
        fn jitter_takes_at_most_half(tries in 0usize..80, random in -1.0f64..2.0) {
            let mut plain = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
            for _ in 0..tries {
                plain.next_wait();
            }
            let mut jittered = plain.clone();
            let (full, shorter) = (plain.next_wait(), jittered.next_jittered(random));
            prop_assert!(shorter <= full && shorter >= full / 2);
        }
    }
}
