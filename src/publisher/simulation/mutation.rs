//! Mutation: a bug planted in the publisher's model, which the truth has to find.

/// One bug. Each was some publisher's, and each loses or reorders events now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publisher) enum Mutation {
    /// The publisher as it is.
    None,
    /// What was received is confirmed.
    ConfirmsOnReceipt,
    /// The transaction of the newest acknowledged event is confirmed, whatever is before it.
    LastAcknowledgementWins,
    /// A keepalive is confirmed while events are in flight.
    ConfirmsKeepaliveInFlight,
    /// The beginning of the commit record is confirmed, and not its end.
    ConfirmsCommitStart,
    /// Rows whose LSN is not greater than the last acknowledged row's are taken for known.
    ResumesPastLastRow,
    /// The next session starts where the last one had received.
    ResumesAtReceived,
    /// Positions of another timeline are used on this one.
    RemembersAcrossTimelines,
    /// The next session goes on behind what was sent, acknowledged or not.
    RemembersSent,
    /// A cold partition takes as many records as there are.
    OpensGate,
    /// What a producer gives up counts as acknowledged.
    AcknowledgesErrors,
    /// An event that is refused alone is passed over.
    SkipsRefused,
}

impl Mutation {
    /// All that are bugs.
    pub(in crate::publisher) const BUGS: [Mutation; 11] = [
        Mutation::ConfirmsOnReceipt,
        Mutation::LastAcknowledgementWins,
        Mutation::ConfirmsKeepaliveInFlight,
        Mutation::ConfirmsCommitStart,
        Mutation::ResumesPastLastRow,
        Mutation::ResumesAtReceived,
        Mutation::RemembersAcrossTimelines,
        Mutation::RemembersSent,
        Mutation::OpensGate,
        Mutation::AcknowledgesErrors,
        Mutation::SkipsRefused,
    ];
}
