//! What the writers meant to do and what became of it, kept outside of PostgreSQL.

use std::collections::HashSet;

use crate::judge::Defects;

/// How a transaction ended, as its writer saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    RolledBack,
    /// The session broke before the answer.
    Unknown,
}

/// One transaction.
#[derive(Debug, Clone, Copy)]
pub struct Intent {
    /// Rows that are there if it was committed.
    pub rows: u32,
    pub outcome: Outcome,
}

/// Transactions of each writer in their order.
#[derive(Debug, Default)]
pub struct Intents(pub Vec<Vec<Intent>>);

impl Intents {
    /// Replaces what is unknown by what the database says: `committed` are its transactions.
    pub fn resolve(&mut self, committed: &HashSet<(u8, u32)>, defects: &mut Defects) {
        for (writer, intents) in self.0.iter_mut().enumerate() {
            for (number, intent) in intents.iter_mut().enumerate() {
                let there = committed.contains(&(writer as u8, number as u32));
                match (intent.outcome, there) {
                    (Outcome::Unknown, true) => intent.outcome = Outcome::Committed,
                    (Outcome::Unknown, false) => intent.outcome = Outcome::RolledBack,
                    (Outcome::Committed, true) | (Outcome::RolledBack, false) => {}
                    _ => defects.add("outcome", format!("{writer}-{number}: {intent:?}, {there}")),
                }
            }
        }
    }

    /// A zero for each transaction.
    pub fn none_delivered(&self) -> Vec<Vec<u32>> {
        self.0.iter().map(|intents| vec![0; intents.len()]).collect()
    }

    /// Compares events delivered by transaction with those that were meant to be.
    pub fn compare(&self, delivered: &[Vec<u32>], defects: &mut Defects) {
        for (writer, (intents, counts)) in self.0.iter().zip(delivered).enumerate() {
            for (number, (intent, count)) in intents.iter().zip(counts).enumerate() {
                let meant = if intent.outcome == Outcome::Committed { intent.rows } else { 0 };
                let place = || format!("{writer}-{number}: {count} of {meant} events");
                if *count > meant {
                    defects.add("phantom", place());
                } else if *count < meant {
                    defects.add("lost", place());
                }
            }
        }
    }

    /// Transactions with this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        let all = self.0.iter().flatten();
        all.filter(|intent| intent.outcome == outcome).count() as u64
    }

    /// Events of committed transactions.
    pub fn events(&self) -> u64 {
        let all = self.0.iter().flatten();
        let committed = all.filter(|intent| intent.outcome == Outcome::Committed);
        committed.map(|intent| u64::from(intent.rows)).sum()
    }
}
