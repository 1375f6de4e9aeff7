//! Coverage: which rare states were reached, how often.

macro_rules! rare_states {
    ($($name:ident: $words:literal,)*) => {
        /// A state that many seeds together have to reach, or they prove little.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::publisher) enum Rare { $($name,)* }

        impl Rare {
            /// Each of them, and what it is.
            const ALL: &'static [(Rare, &'static str)] = &[$((Rare::$name, $words),)*];
        }
    };
}

rare_states! {
    RowsInterleaved: "rows of one transaction stand among another's in the WAL",
    RowsShareLsn: "rows that share an LSN",
    SavepointAborted: "events of a savepoint were rolled back",
    TransactionAborted: "events of a transaction were rolled back",
    LargeTransaction: "a transaction of more rows than a segment of the tracker",
    EmptyTransaction: "a transaction without rows was sent",
    KeepaliveBelowConfirmed: "a keepalive below the confirmed position",
    KeepaliveInTransaction: "a keepalive amid a transaction's rows",
    KeepaliveInFlight: "a keepalive beyond events in flight",
    ReplyRequested: "the server asked for a reply",
    CutInTransaction: "the connection was lost amid a transaction",
    ServerCrash: "PostgreSQL crashed and came back",
    SlotWentBack: "the slot came back older than it was",
    StartAheadOfSlot: "a session started beyond the slot, from memory",
    Failover: "a standby was promoted",
    FailoverLostCommits: "a promoted standby lacked committed transactions",
    FailoverLostSent: "a promoted standby lacked events that Kafka has",
    ServerSilent: "the server fell silent and was given up",
    KillInTransaction: "the process was killed amid a transaction",
    KillInFlight: "the process was killed with records in flight",
    ConfirmationLost: "a status update was lost on its way",
    ResumedInTransaction: "a session left out the acknowledged beginning of a transaction",
    DrainInFlight: "the process was told to stop with records in flight",
    DrainInTransaction: "the process was told to stop amid a transaction",
    DrainComplete: "a stop ended with everything confirmed",
    DrainGaveUp: "a stop ended before everything was confirmed",
    WindowFull: "the window was full",
    GateClosed: "a cold partition made a record wait",
    SeveralBatches: "several batches of a partition were on the wire",
    AcknowledgedOutOfOrder: "a later event was acknowledged before an earlier one",
    RetriableError: "a batch was retried after an error",
    SuccessorOutOfOrder: "a batch overtook the one before it and was sent away by its sequence",
    AppliedThenDisconnected: "a batch was appended and its answer lost",
    RepeatDropped: "the broker dropped a batch that it had",
    FirstBatchRefused: "a new producer's first batch on a partition was refused",
    RefusedWithSuccessors: "a batch was refused with others behind it on the wire",
    InnocentRefused: "an innocent event was refused with its batch",
    TopicTakesLess: "a topic refused a batch for its size, though each record was fine",
    SuspectAcquitted: "a suspect was acknowledged",
    HeldAlone: "an event that was refused alone was held",
    HoldHealed: "a held event was acknowledged at last",
    TopicMissing: "a topic was missing when a record was for it",
    LateWrite: "a request of a dead session was appended",
    LateBehindRepeat: "a request of a dead session landed behind its repeat",
    StalledAndOutlasted: "Kafka stalled, the connection was closed, and all was acknowledged",
    SettledAfterCut: "what was in flight was acknowledged after the connection was lost",
    ProducerBroken: "the producer broke",
    EndedUnroutable: "a run ended with an event that has no topic",
    WitnessAhead: "a confirmed position waited for its witness",
    LateWitness: "a witness of a dead session was on its way",
    GapFound: "a session found that the server's history lacks what was witnessed",
    GapHidden: "a gap went unseen: a broker showed less of the witnesses than it had acknowledged",
    GapAccepted: "a person accepted a gap",
    OldProcessThaws: "an old process thawed and sent what it had",
    EndedUnhealed: "a run ended with an event that Kafka never takes",
}

/// How often each rare state was reached, and other counts.
#[derive(Debug, Clone)]
pub(in crate::publisher) struct Coverage {
    states: Vec<u64>,
    pub(in crate::publisher) events: u64,
    pub(in crate::publisher) sessions: u64,
    pub(in crate::publisher) repeats: u64,
    pub(in crate::publisher) steps: u64,
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage { states: vec![0; Rare::ALL.len()], events: 0, sessions: 0, repeats: 0, steps: 0 }
    }
}

impl Coverage {
    pub(super) fn saw(&mut self, state: Rare) {
        self.states[state as usize] += 1;
    }

    /// How often a state was reached.
    pub(in crate::publisher) fn times(&self, state: Rare) -> u64 {
        self.states[state as usize]
    }

    /// Adds another run's counts.
    pub(in crate::publisher) fn add(&mut self, other: &Coverage) {
        for (sum, more) in self.states.iter_mut().zip(&other.states) {
            *sum += more;
        }
        self.events += other.events;
        self.sessions += other.sessions;
        self.repeats += other.repeats;
        self.steps += other.steps;
    }

    /// The states that were never reached.
    pub(in crate::publisher) fn missing(&self) -> Vec<&'static str> {
        let never = Rare::ALL.iter().filter(|(state, _)| self.times(*state) == 0);
        never.map(|(_, words)| *words).collect()
    }

    /// One line per state.
    pub(in crate::publisher) fn table(&self) -> String {
        let lines =
            Rare::ALL.iter().map(|(state, words)| format!("{:>12}  {words}\n", self.times(*state)));
        lines.collect()
    }
}
