//! Log: one partition as a broker keeps it, with what it knows of producers. Sequences are judged as
//! Apache Kafka 4 judges them (`ProducerAppendInfo`), which librdkafka's mock cluster does not do for
//! a producer without transactions.

use std::collections::{HashMap, VecDeque};

use super::wire::Reader;

const OUT_OF_ORDER_SEQUENCE: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;

/// How many batches of a producer a broker remembers.
const REMEMBERED: usize = 5;

/// One record: key and payload.
pub(super) type Entry = (String, String);

/// A batch of records as it came.
pub(super) struct Batch {
    producer: i64,
    epoch: i16,
    first: i32,
    entries: Vec<Entry>,
}

impl Batch {
    /// Reads a batch of format 2 that is not compressed.
    pub(super) fn read(bytes: &[u8]) -> Option<Batch> {
        let mut reader = Reader(bytes);
        reader.take(43)?;
        let (producer, epoch, first) = (reader.i64()?, reader.i16()?, reader.i32()?);
        let count = reader.i32()?;
        let entries = (0..count).map(|_| entry(&mut reader)).collect::<Option<_>>()?;
        Some(Batch { producer, epoch, first, entries })
    }

    fn last(&self) -> i32 {
        self.first + self.entries.len() as i32 - 1
    }
}

fn entry(reader: &mut Reader<'_>) -> Option<Entry> {
    let mut record = Reader(reader.bytes()?);
    record.i8()?;
    record.varint()?;
    record.varint()?;
    let key = String::from_utf8(record.bytes()?.to_vec()).ok()?;
    let payload = String::from_utf8(record.bytes()?.to_vec()).ok()?;
    Some((key, payload))
}

/// What a broker knows of a producer: its epoch and its last batches (first, last, offset).
#[derive(Default)]
struct Known {
    epoch: i16,
    batches: VecDeque<(i32, i32, i64)>,
}

/// One partition.
#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    producers: HashMap<i64, Known>,
}

impl Log {
    /// Appends the batch and gives its offset; a batch that is here already is not appended again.
    pub(super) fn append(&mut self, batch: Batch) -> Result<i64, i16> {
        let offset = self.entries.len() as i64;
        let known = self.producers.entry(batch.producer).or_default();
        if batch.epoch < known.epoch {
            return Err(INVALID_PRODUCER_EPOCH);
        }
        if batch.epoch == known.epoch {
            let same = |b: &&(i32, i32, i64)| (b.0, b.1) == (batch.first, batch.last());
            if let Some((.., offset)) = known.batches.iter().find(same) {
                return Ok(*offset);
            }
            // Of a producer that it does not know a broker accepts any first sequence.
            if known.batches.back().is_some_and(|(_, last, _)| batch.first != last + 1) {
                return Err(OUT_OF_ORDER_SEQUENCE);
            }
        } else if batch.first != 0 {
            return Err(OUT_OF_ORDER_SEQUENCE);
        } else {
            *known = Known { epoch: batch.epoch, batches: VecDeque::new() };
        }
        known.batches.push_back((batch.first, batch.last(), offset));
        if known.batches.len() > REMEMBERED {
            known.batches.pop_front();
        }
        self.entries.extend(batch.entries);
        Ok(offset)
    }

    /// Forgets all producers, as a broker does when their records are gone.
    pub(super) fn forget_producers(&mut self) {
        self.producers.clear();
    }
}
