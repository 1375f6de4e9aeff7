//! Witness: does the topic that remembers what was confirmed exist, and does it remember.

use super::report::{Area, Line};
use crate::kafka::inspect::{Presence, Topic};

const NAME: &str = "witness_topic";
const HERE: Area = Area::Topics;

/// The line about the topic of `kafka.witness_topic`; `None` is one that is turned off.
pub(super) fn judge(topic: Option<&Topic>) -> Line {
    let Some(Topic { name, presence, settings }) = topic else {
        return Line::warning(
            HERE,
            NAME,
            "kafka.witness_topic is empty: nobody notices when the slot is moved, or the publication \
             changed and changed back",
            "name a topic and run `postrider init`, which creates it",
        );
    };
    let policy = settings.get("cleanup.policy").map(String::as_str);
    match (presence, policy) {
        (Presence::Exists(_), Some("compact")) => {
            Line::ok(HERE, NAME, format!("{name}: exists and is compacted"))
        }
        (Presence::Exists(_), None) => {
            Line::ok(HERE, NAME, format!("{name}: exists; whether it is compacted we may not see"))
        }
        (Presence::Exists(_), Some(policy)) => Line::warning(
            HERE,
            NAME,
            format!("{name}: cleanup.policy is {policy}, so it forgets, or grows without end"),
            "set cleanup.policy = compact on it (kafka-configs.sh --alter)",
        ),
        (Presence::Missing, _) => Line::fault(
            HERE,
            NAME,
            format!("{name}: the topic of kafka.witness_topic does not exist"),
            "run `postrider init`, which creates it",
        ),
        (Presence::Refused(refusal), _) => Line::fault(
            HERE,
            NAME,
            format!("{name}: {}", refusal.reason()),
            "grant Read, Write and Describe on it to our principal",
        ),
        (Presence::NotKnown(reason), _) => Line::warning(
            HERE,
            NAME,
            format!("{name}: whether it exists is not known ({reason})"),
            "run this again when the brokers answer",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::report::State,
        kafka::{Refusal, inspect::Layout},
    };

    #[test]
    fn each_state_of_the_topic_has_its_line() {
        let layout = Layout { partitions: 1, replicas: 1, in_sync: 1, leaderless: 0 };
        let there = || Presence::Exists(layout);
        for (presence, policy, state, part) in [
            (there(), Some("compact"), State::Ok, "is compacted"),
            (there(), None, State::Ok, "may not see"),
            (there(), Some("delete"), State::Warning, "forgets"),
            (there(), Some("compact,delete"), State::Warning, "forgets"),
            (Presence::Missing, None, State::Fault, "does not exist"),
            (Presence::Refused(Refusal::NotAuthorized), None, State::Fault, "not allowed"),
            (Presence::NotKnown("late".into()), None, State::Warning, "late"),
        ] {
            let setting = |policy: &str| ("cleanup.policy".to_owned(), policy.to_owned());
            let settings = policy.map(setting).into_iter().collect();
            let topic = Topic { name: "postrider.witness".into(), presence, settings };
            let line = judge(Some(&topic));
            assert_eq!(line.state, state, "{line:?}");
            assert!(line.sentence.contains(part), "{line:?}");
            assert_eq!(line.hint.is_some(), state != State::Ok, "{line:?}");
        }
        assert_eq!(judge(None).state, State::Warning);
    }
}
