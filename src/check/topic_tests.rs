//! Topic: tests by tables of layouts and settings.

use super::*;
use crate::{
    check::report::State::{Fault, Ok as Fine, Warning},
    kafka::Refusal,
};

/// Three replicas, all in sync, with settings as one should have them.
fn topic(settings: &[(&str, &str)]) -> Topic {
    let good = [
        ("min.insync.replicas", "2"),
        ("unclean.leader.election.enable", "false"),
        ("max.message.bytes", "1048588"),
        ("retention.ms", "604800000"),
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("cleanup.policy", "delete"),
    ];
    let all = good.iter().chain(settings);
    Topic {
        name: "events".into(),
        presence: exists(3, 3, 0),
        settings: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

fn exists(replicas: usize, in_sync: usize, leaderless: usize) -> Presence {
    Presence::Exists(Layout { partitions: 4, replicas, in_sync, leaderless })
}

fn limited() -> Expectation {
    Expectation { payload: Payload::AtMost(900_000), ..Expectation::default() }
}

#[track_caller]
fn assert_line(topic: &Topic, expectation: &Expectation, expected: (&str, State, &str)) {
    let (name, state, part) = expected;
    let lines = judge(std::slice::from_ref(topic), expectation);
    let line = lines.iter().find(|line| line.name == name).expect("the line is there");
    assert_eq!(line.state, state, "{line:?}");
    assert!(line.sentence.contains(part), "{line:?}");
    assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
}

#[test]
fn a_topic_as_it_should_be_is_fine_in_every_line() {
    let lines = judge(&[topic(&[])], &limited());
    assert!(lines.iter().all(|line| line.state == Fine), "{lines:#?}");
    let names: Vec<_> = lines.iter().map(|line| line.name).collect();
    let expected = [
        "topic",
        "replication_factor",
        "min_insync_replicas",
        "unclean_leader_election",
        "max_message_bytes",
        "retention",
        "timestamps",
        "cleanup_policy",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_topic_takes_records_or_it_is_said_why_not() {
    let create = Some(NewTopics { partitions: -1, replicas: -1 });
    for (presence, create, state, part) in [
        (exists(3, 3, 1), None, Fault, "1 of 4 partitions have no leader"),
        (Presence::Missing, None, Fault, "not there"),
        (Presence::Missing, create, Fine, "the first event creates it"),
        (Presence::Refused(Refusal::NotAuthorized), None, Fault, "not allowed"),
        (Presence::NotKnown("timed out".into()), None, Warning, "timed out"),
    ] {
        let topic = Topic { presence, ..topic(&[]) };
        let expectation = Expectation { create, ..limited() };
        assert_line(&topic, &expectation, ("topic", state, part));
    }
}

#[test]
fn replicas_and_acknowledgements_keep_a_record() {
    let name = "min_insync_replicas";
    for (replicas, in_sync, least, factor, acknowledged) in [
        (3, 3, "2", Fine, (Fine, "is 2 with 3 replicas")),
        (2, 2, "1", Warning, (Warning, "can be lost")),
        (3, 3, "1", Fine, (Warning, "can be lost")),
        (3, 3, "3", Fine, (Warning, "one broker's restart")),
        (2, 2, "3", Warning, (Fault, "no record is ever acknowledged")),
        (3, 1, "2", Fine, (Fault, "1 of them in sync")),
        (1, 1, "1", Warning, (Fine, "is 1 with 1 replica")),
        (1, 1, "2", Warning, (Fault, "no record is ever acknowledged")),
    ] {
        let presence = exists(replicas, in_sync, 0);
        let topic = Topic { presence, ..topic(&[("min.insync.replicas", least)]) };
        assert_line(&topic, &limited(), ("replication_factor", factor, "replica"));
        assert_line(&topic, &limited(), (name, acknowledged.0, acknowledged.1));
    }
}

#[test]
fn settings_that_lose_refuse_or_forget_records_are_told() {
    let with_column = Expectation { has_timestamp_column: true, ..limited() };
    let keyless = Expectation { key_may_be_null: true, ..limited() };
    let unlimited = Expectation { payload: Payload::Unlimited, ..limited() };
    let good: &[(&str, &str)] = &[];
    for (settings, expectation, expected) in [
        (
            &[("unclean.leader.election.enable", "true")][..],
            &limited(),
            ("unclean_leader_election", Fault, "can be lost"),
        ),
        (&[("max.message.bytes", "904096")][..], &limited(), ("max_message_bytes", Fine, "enough")),
        (
            &[("max.message.bytes", "904095")][..],
            &limited(),
            ("max_message_bytes", Warning, "900,000"),
        ),
        (good, &unlimited, ("max_message_bytes", Warning, "allows larger")),
        (good, &Expectation::default(), ("max_message_bytes", Fine, "is 1,048,588")),
        (&[("retention.ms", "-1")][..], &limited(), ("retention", Fine, "not deleted")),
        (&[("retention.ms", "3600000")][..], &limited(), ("retention", Warning, "1 hour")),
        (&[("retention.ms", "3600000")][..], &with_column, ("retention", Warning, "at once")),
        (good, &with_column, ("retention", Fine, "7 days, counted from")),
        (
            &[("message.timestamp.type", "LogAppendTime")][..],
            &with_column,
            ("timestamps", Warning, "not kept"),
        ),
        (
            &[("message.timestamp.type", "LogAppendTime")][..],
            &limited(),
            ("timestamps", Fine, "no"),
        ),
        (
            &[("message.timestamp.before.max.ms", "86400000")][..],
            &limited(),
            ("timestamps", Warning, "1 day"),
        ),
        (good, &with_column, ("timestamps", Fine, "1 hour in the future")),
        (&[("cleanup.policy", "compact")][..], &limited(), ("cleanup_policy", Warning, "newest")),
        (
            &[("cleanup.policy", "compact,delete")][..],
            &keyless,
            ("cleanup_policy", Fault, "without key"),
        ),
    ] {
        assert_line(&topic(settings), expectation, expected);
    }
}

#[test]
fn settings_that_may_not_be_read_are_said_to_be_unknown() {
    let topic = Topic { settings: BTreeMap::new(), ..topic(&[]) };
    let lines = judge(std::slice::from_ref(&topic), &limited());
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_line(&topic, &limited(), ("topic_settings", Warning, "may not read"));
}

#[test]
fn a_topic_to_be_created_is_judged_by_what_the_brokers_would_make() {
    let missing = Topic { presence: Presence::Missing, settings: BTreeMap::new(), ..topic(&[]) };
    let defaults = [
        ("default.replication.factor", "3"),
        ("min.insync.replicas", "1"),
        ("message.max.bytes", "1000"),
        ("log.retention.hours", "1"),
    ];
    let expectation = |replicas| Expectation {
        create: Some(NewTopics { partitions: -1, replicas }),
        defaults: defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..limited()
    };
    assert_line(&missing, &expectation(-1), ("replication_factor", Fine, "3 replicas"));
    assert_line(&missing, &expectation(1), ("replication_factor", Warning, "1 replica"));
    assert_line(&missing, &expectation(-1), ("min_insync_replicas", Warning, "can be lost"));
    assert_line(&missing, &expectation(-1), ("max_message_bytes", Warning, "1,000"));
    assert_line(&missing, &expectation(-1), ("retention", Warning, "1 hour"));
}

#[test]
fn what_is_the_same_of_several_topics_is_said_once() {
    let named =
        |name: &str, settings: &[(&str, &str)]| Topic { name: name.to_owned(), ..topic(settings) };
    let odd = [("retention.ms", "3600000")];
    let lines = judge(&[named("a", &[]), named("b", &odd), named("c", &[])], &limited());
    let said = |name: &str| {
        let lines = lines.iter().filter(|line| line.name == name);
        lines.map(|line| line.sentence.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(said("replication_factor"), ["all 3 topics: 3 replicas"]);
    let retention = said("retention");
    assert_eq!(retention.len(), 2, "{lines:?}");
    assert!(retention[0].starts_with("a and c: ") && retention[1].starts_with("b: "));
    let topics: Vec<_> =
        lines.iter().filter(|l| l.name == "retention").map(|l| &l.topics).collect();
    assert_eq!(*topics[0], ["a", "c"]);
}
