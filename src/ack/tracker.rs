//! AckTracker: which position may be confirmed, given what Kafka has acknowledged.

use std::collections::VecDeque;

use crate::wal::Lsn;

/// A transaction is counted in pieces of at most this many events, so that the window of a
/// transaction of a million rows moves on while it is still being read.
const SEGMENT_EVENTS: u32 = 256;

/// And of at most this many bytes, for the same reason with large rows.
const SEGMENT_BYTES: u64 = 1 << 20;

/// A position the server may be told to forget everything before.
///
/// Only [`AckTracker`] makes one, and only from acknowledgements (A5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfirmedLsn(Lsn);

impl ConfirmedLsn {
    /// The position itself.
    pub fn lsn(self) -> Lsn {
        self.0
    }
}

/// Proof that one row was handed to Kafka and is not acknowledged yet.
///
/// Neither `Clone` nor `Copy`: giving it back to [`AckTracker::acknowledge`] is the only way to
/// have the row counted, and it works once (A4). A ticket that is dropped holds its transaction
/// back for ever, which is the safe side (A5).
#[derive(Debug)]
#[must_use = "a dropped ticket holds the confirmed position back for ever"]
pub struct Ticket {
    segment: u64,
    bytes: u64,
}

/// What a segment is followed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Its transaction is still being read, and it is the last segment.
    Open,
    /// The same transaction goes on in the next segment: nothing to confirm here.
    Continued,
    /// Its transaction ended here.
    Commit(Lsn),
}

/// A transaction, or a piece of a large one.
#[derive(Debug)]
struct Segment {
    until: Until,
    /// Rows handed to Kafka and not acknowledged. The segment is drained when this is 0.
    unacknowledged: u32,
    events: u32,
    bytes: u64,
}

/// Follows transactions in commit order and answers which LSN may be confirmed.
///
/// A counter per segment is enough, since only ends of transactions can be confirmed: the memory
/// is per transaction (or per 256 rows), not per row.
#[derive(Debug)]
pub struct AckTracker {
    /// A1, A2, A3, A7: see [`crate::ack`]. Moved by `settle` and `keepalive` only.
    confirmed: Lsn,
    /// The largest position seen on this connection, or the start position (A7). Moved by
    /// `receive`, `commit` and `keepalive`; never goes back.
    received: Lsn,
    /// The last commit's end; ends increase strictly.
    last_end: Lsn,
    /// Transactions in commit order. Invariant between calls: the front segment is undrained or
    /// `Open`, so the confirmable position is always already in `confirmed`.
    segments: VecDeque<Segment>,
    /// The number of the front segment. Tickets name segments by number.
    first: u64,
    /// Sums over `segments`: what lies between the oldest unacknowledged event and the newest.
    window_events: u64,
    window_bytes: u64,
    /// Rows handed to Kafka and not acknowledged, and their bytes.
    in_flight_events: u64,
    in_flight_bytes: u64,
}

impl AckTracker {
    /// A tracker for a stream that begins at `start`, everything before which is confirmed.
    pub fn new(start: Lsn) -> AckTracker {
        AckTracker {
            confirmed: start,
            received: start,
            last_end: start,
            segments: VecDeque::new(),
            first: 0,
            window_events: 0,
            window_bytes: 0,
            in_flight_events: 0,
            in_flight_bytes: 0,
        }
    }

    /// A transaction's rows follow.
    ///
    /// # Panics
    /// If a transaction is open: the stream has no nested transactions.
    pub fn begin(&mut self) {
        assert!(!self.is_open(), "a transaction begins inside another");
        self.push_open();
    }

    /// One row of the open transaction was handed to Kafka.
    ///
    /// # Panics
    /// If no transaction is open.
    pub fn publish(&mut self, bytes: u64) -> Ticket {
        assert!(self.is_open(), "a row outside a transaction");
        let full = self
            .segments
            .back()
            .is_some_and(|last| last.events >= SEGMENT_EVENTS || last.bytes >= SEGMENT_BYTES);
        if full {
            self.close_last(Until::Continued);
            self.push_open();
        }
        let segment = self.first + self.segments.len() as u64 - 1;
        let last = self.segments.back_mut().expect("the open segment");
        last.unacknowledged += 1;
        last.events += 1;
        last.bytes += bytes;
        self.window_events += 1;
        self.window_bytes += bytes;
        self.in_flight_events += 1;
        self.in_flight_bytes += bytes;
        Ticket { segment, bytes }
    }

    /// The open transaction ended; `end` is the first byte after its commit record.
    ///
    /// # Panics
    /// If none is open, or `end` is not beyond the end before: commit order is the queue's order.
    pub fn commit(&mut self, end: Lsn) {
        assert!(self.is_open(), "a commit outside a transaction");
        assert!(end > self.last_end, "commits are not in order");
        self.last_end = end;
        self.receive(end);
        self.close_last(Until::Commit(end));
    }

    /// Kafka acknowledged the row.
    ///
    /// # Panics
    /// If the ticket is not of this tracker's.
    pub fn acknowledge(&mut self, ticket: Ticket) {
        let index = ticket.segment.checked_sub(self.first).and_then(|i| usize::try_from(i).ok());
        let segment = index.and_then(|i| self.segments.get_mut(i));
        let segment = segment.expect("a ticket names a segment that is not drained");
        assert!(segment.unacknowledged > 0, "more acknowledgements than rows");
        segment.unacknowledged -= 1;
        self.in_flight_events -= 1;
        self.in_flight_bytes -= ticket.bytes;
        if index == Some(0) {
            self.settle();
        }
    }

    /// The server says that it has decoded all WAL up to `wal_end`.
    ///
    /// Confirms it when nothing is open or in flight, so that the WAL of other tables does not
    /// pile up. Safe against the manual's wording: `wal_end` is what the walsender has decoded,
    /// and a commit is put on the same ordered stream before the position moves past it.
    pub fn keepalive(&mut self, wal_end: Lsn) {
        self.receive(wal_end);
        if self.is_settled() && wal_end > self.confirmed {
            self.confirmed = wal_end;
            self.assert_bounded();
        }
    }

    /// A message that carries the position `lsn` was received.
    pub fn receive(&mut self, lsn: Lsn) {
        self.received = self.received.max(lsn);
    }

    /// The position that may be confirmed now.
    pub fn confirmed(&self) -> ConfirmedLsn {
        ConfirmedLsn(self.confirmed)
    }

    /// The largest position received on this connection, or the start position.
    pub fn received(&self) -> Lsn {
        self.received
    }

    /// The last transaction's end, or the start position.
    pub fn last_end(&self) -> Lsn {
        self.last_end
    }

    /// Whether a transaction is being read.
    pub fn is_open(&self) -> bool {
        self.segments.back().is_some_and(|last| last.until == Until::Open)
    }

    /// Whether nothing is open and nothing in flight.
    pub fn is_settled(&self) -> bool {
        self.segments.is_empty()
    }

    /// Rows that Kafka has not acknowledged.
    pub fn in_flight_events(&self) -> u64 {
        self.in_flight_events
    }

    /// Their bytes.
    pub fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes
    }

    /// Events from the oldest unacknowledged one (its segment's beginning) to the newest.
    pub fn window_events(&self) -> u64 {
        self.window_events
    }

    /// Their bytes.
    pub fn window_bytes(&self) -> u64 {
        self.window_bytes
    }

    fn push_open(&mut self) {
        let open = Segment { until: Until::Open, unacknowledged: 0, events: 0, bytes: 0 };
        self.segments.push_back(open);
    }

    fn close_last(&mut self, until: Until) {
        let last = self.segments.back_mut().expect("an open segment");
        last.until = until;
        self.settle();
    }

    /// Takes drained segments from the front (A1: never from the middle) and moves `confirmed`.
    fn settle(&mut self) {
        while let Some(front) = self.segments.front_mut() {
            if front.unacknowledged > 0 {
                break;
            }
            self.window_events -= u64::from(front.events);
            self.window_bytes -= front.bytes;
            match front.until {
                Until::Open => {
                    // All of it is acknowledged so far: it takes no room in the window.
                    front.events = 0;
                    front.bytes = 0;
                    break;
                }
                Until::Continued => {}
                Until::Commit(end) => {
                    // A keepalive cannot have overtaken it: while it was queued none was confirmed.
                    assert!(end > self.confirmed, "confirmed would go back");
                    self.confirmed = end;
                }
            }
            self.segments.pop_front();
            self.first += 1;
        }
        self.assert_bounded();
    }

    fn assert_bounded(&self) {
        assert!(self.confirmed <= self.received, "confirmed is past what was received");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lsn(byte: u64) -> Lsn {
        Lsn::new(byte)
    }

    #[test]
    fn a_later_acknowledgement_does_not_confirm_an_earlier_row() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        let first = tracker.publish(1);
        tracker.commit(lsn(20));
        tracker.begin();
        let second = tracker.publish(1);
        tracker.commit(lsn(30));
        tracker.acknowledge(second);
        assert_eq!(tracker.confirmed().lsn(), lsn(10));
        tracker.acknowledge(first);
        assert_eq!(tracker.confirmed().lsn(), lsn(30));
    }

    #[test]
    fn rows_acknowledged_before_their_commit_confirm_nothing_until_it_is_read() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        let row = tracker.publish(1);
        tracker.acknowledge(row);
        assert_eq!(tracker.confirmed().lsn(), lsn(10));
        assert!(!tracker.is_settled());
        tracker.commit(lsn(20));
        assert_eq!(tracker.confirmed().lsn(), lsn(20));
        assert!(tracker.is_settled());
    }

    #[test]
    fn a_keepalive_is_confirmed_only_while_nothing_is_open_or_in_flight() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.keepalive(lsn(15));
        assert_eq!(tracker.confirmed().lsn(), lsn(15));
        tracker.begin();
        tracker.keepalive(lsn(16));
        let row = tracker.publish(1);
        tracker.commit(lsn(20));
        tracker.keepalive(lsn(40));
        assert_eq!(tracker.confirmed().lsn(), lsn(15));
        tracker.acknowledge(row);
        assert_eq!(tracker.confirmed().lsn(), lsn(20));
        tracker.keepalive(lsn(40));
        assert_eq!(tracker.confirmed().lsn(), lsn(40));
    }

    #[test]
    fn a_keepalive_below_the_confirmed_position_changes_nothing() {
        let mut tracker = AckTracker::new(lsn(100));
        tracker.keepalive(lsn(60));
        assert_eq!(tracker.confirmed().lsn(), lsn(100));
        assert_eq!(tracker.received(), lsn(100));
    }

    #[test]
    fn a_transaction_without_rows_is_confirmed_at_its_commit() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        tracker.commit(lsn(20));
        assert_eq!(tracker.confirmed().lsn(), lsn(20));
    }

    #[test]
    fn the_window_of_a_huge_transaction_moves_on_while_it_is_read() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        for _ in 0..1_000_000 {
            let row = tracker.publish(100);
            tracker.acknowledge(row);
            assert!(tracker.window_events() <= u64::from(SEGMENT_EVENTS));
            assert!(tracker.segments.len() <= 2);
        }
        tracker.commit(lsn(20));
        assert_eq!(tracker.confirmed().lsn(), lsn(20));
        assert_eq!((tracker.window_events(), tracker.window_bytes()), (0, 0));
    }

    #[test]
    fn one_slow_row_keeps_everything_behind_it_in_the_window() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        let slow = tracker.publish(7);
        for _ in 0..1000 {
            let row = tracker.publish(7);
            tracker.acknowledge(row);
        }
        assert_eq!(tracker.window_events(), 1001);
        assert_eq!(tracker.window_bytes(), 7007);
        assert_eq!(tracker.in_flight_events(), 1);
        tracker.acknowledge(slow);
        assert_eq!(tracker.window_events(), 0);
    }

    #[test]
    #[should_panic(expected = "commits are not in order")]
    fn commits_out_of_order_are_refused() {
        let mut tracker = AckTracker::new(lsn(10));
        tracker.begin();
        tracker.commit(lsn(20));
        tracker.begin();
        tracker.commit(lsn(20));
    }
}
