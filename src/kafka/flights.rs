//! Flights: what is on its way to Kafka, in the order it was sent.

use std::{collections::VecDeque, time::Instant};

use super::topics::TopicId;
use crate::{ack::Ticket, outbox::Position};

/// One record on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Given back with the delivery; attached right after the sending.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) topic: TopicId,
    /// The partition it was expected to go to.
    pub(crate) partition: u32,
    /// Key, payload and headers.
    pub(crate) bytes: u64,
    pub(crate) position: Position,
    /// When it was handed to librdkafka.
    pub(crate) sent_at: Instant,
    /// When its transaction was committed, by PostgreSQL's clock: µs since the Unix epoch.
    pub(crate) committed_at: i64,
}

/// The records in flight, numbered in sending order. The number is what librdkafka carries.
///
/// A queue with holes: a record that comes back leaves a hole, and holes at the front are taken
/// away. So the front is always the oldest record in flight, and the length is bounded by the
/// publisher's window, which counts from that record.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    queue: VecDeque<Option<Flight>>,
    /// The number of the queue's front.
    first: usize,
    in_flight: usize,
}

impl Flights {
    /// The number the next record will have.
    pub(crate) fn next_number(&self) -> usize {
        self.first + self.queue.len()
    }

    /// Adds a record that librdkafka took under [`next_number`](Self::next_number).
    pub(crate) fn depart(&mut self, flight: Flight) {
        self.queue.push_back(Some(flight));
        self.in_flight += 1;
    }

    /// The record with this number, if it is in flight.
    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Flight> {
        let index = number.checked_sub(self.first)?;
        self.queue.get_mut(index)?.as_mut()
    }

    /// Takes the record with this number out; `None` when it is not in flight.
    pub(crate) fn arrive(&mut self, number: usize) -> Option<Flight> {
        let index = number.checked_sub(self.first)?;
        let flight = self.queue.get_mut(index)?.take()?;
        self.in_flight -= 1;
        while matches!(self.queue.front(), Some(None)) {
            self.queue.pop_front();
            self.first += 1;
        }
        Some(flight)
    }

    /// How many are in flight.
    pub(crate) fn len(&self) -> usize {
        self.in_flight
    }

    /// The oldest one in flight.
    pub(crate) fn oldest(&self) -> Option<&Flight> {
        self.queue.front().and_then(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn flight(sent_at: Instant) -> Flight {
        let position = "0/1/0".parse().unwrap();
        let (topic, committed_at) = (TopicId::FIRST, 0);
        Flight { ticket: None, topic, partition: 0, bytes: 1, position, sent_at, committed_at }
    }

    #[test]
    fn the_front_is_the_oldest_in_flight_whatever_comes_back_first() {
        let start = Instant::now();
        let mut flights = Flights::default();
        for second in 0..3 {
            assert_eq!(flights.next_number(), second);
            flights.depart(flight(start + Duration::from_secs(second as u64)));
        }
        assert!(flights.arrive(1).is_some());
        assert_eq!(flights.oldest().map(|flight| flight.sent_at), Some(start));
        assert!(flights.arrive(0).is_some());
        assert_eq!(
            flights.oldest().map(|flight| flight.sent_at),
            Some(start + Duration::from_secs(2))
        );
        assert_eq!((flights.len(), flights.next_number()), (1, 3));
    }

    #[test]
    fn a_record_comes_back_once() {
        let mut flights = Flights::default();
        flights.depart(flight(Instant::now()));
        assert!(flights.arrive(0).is_some());
        assert!(flights.arrive(0).is_none());
        assert!(flights.arrive(7).is_none());
        assert_eq!(flights.len(), 0);
    }
}
