//! Topic: will a record that Kafka acknowledged stay there, and will none be refused.
//!
//! Each topic is judged alone, then topics of which the same is to be said share a line.

mod settings;

use std::collections::BTreeMap;

use super::{
    report::{Area, Line, State},
    words,
};
use crate::kafka::{
    NewTopics,
    inspect::{Layout, Presence, Topic},
};

use settings::{
    as_topic_settings, clean_up, number, retention, size, timestamps, unclean_election,
};

const HERE: Area = Area::Topics;

/// Losing one broker while another is down for maintenance takes three replicas to survive.
const ENOUGH_REPLICAS: i64 = 3;

/// What the judgement needs to know beside the topic.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectation {
    /// How large a payload can be.
    pub(super) payload: Payload,
    /// Whether a column gives the record's timestamp.
    pub(super) has_timestamp_column: bool,
    /// Whether a record may have no key.
    pub(super) key_may_be_null: bool,
    /// How missing topics are created; `None` is not at all.
    pub(super) create: Option<NewTopics>,
    /// The settings of a broker, which are those of new topics.
    pub(super) defaults: BTreeMap<String, String>,
}

/// How large the table lets a payload be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Payload {
    /// The table could not be looked at.
    #[default]
    NotKnown,
    /// Nothing limits it.
    Unlimited,
    /// At most so many bytes.
    AtMost(u64),
}

/// What is to be said of one topic, before it is known of which others the same is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    name: &'static str,
    state: State,
    /// Follows the topics' names and a colon.
    text: String,
    hint: String,
}

/// The lines about `topics`.
pub(super) fn judge(topics: &[Topic], expectation: &Expectation) -> Vec<Line> {
    let mut groups: Vec<(Finding, Vec<String>)> = Vec::new();
    for topic in topics {
        for finding in findings(topic, expectation) {
            match groups.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, names)) => names.push(topic.name.clone()),
                None => groups.push((finding, vec![topic.name.clone()])),
            }
        }
    }
    // The same thing about several topics stands together, in the order in which things are asked.
    let mut order: Vec<&'static str> = Vec::new();
    for (finding, _) in &groups {
        if !order.contains(&finding.name) {
            order.push(finding.name);
        }
    }
    groups.sort_by_key(|(finding, _)| order.iter().position(|name| *name == finding.name));
    groups.into_iter().map(|(finding, names)| line(finding, names, topics.len())).collect()
}

fn line(finding: Finding, topics: Vec<String>, all: usize) -> Line {
    let subject = match topics.len() {
        number if number == all && all > 1 => format!("all {all} topics"),
        _ => words::list(&topics),
    };
    let sentence = format!("{subject}: {}", finding.text);
    let line = match finding.state {
        State::Ok => Line::ok(HERE, finding.name, sentence),
        State::Warning => Line::warning(HERE, finding.name, sentence, finding.hint),
        State::Fault => Line::fault(HERE, finding.name, sentence, finding.hint),
    };
    line.about(topics)
}

fn ok(name: &'static str, text: impl Into<String>) -> Finding {
    Finding { name, state: State::Ok, text: text.into(), hint: String::new() }
}

fn warning(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { name, state: State::Warning, text: text.into(), hint: hint.into() }
}

fn fault(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { name, state: State::Fault, text: text.into(), hint: hint.into() }
}

fn findings(topic: &Topic, expectation: &Expectation) -> Vec<Finding> {
    let mut findings = vec![presence(&topic.presence, expectation)];
    let (replicas, settings) = match (&topic.presence, expectation.create) {
        (Presence::Exists(layout), _) => (layout.replicas as i64, topic.settings.clone()),
        (Presence::Missing, Some(create)) => {
            let default = number(&expectation.defaults, "default.replication.factor");
            let replicas = match create.replicas {
                asked if asked > 0 => i64::from(asked),
                _ => default.unwrap_or(0),
            };
            (replicas, as_topic_settings(&expectation.defaults))
        }
        _ => return findings,
    };
    if replicas > 0 {
        findings.push(replication(replicas, &topic.presence));
    }
    if settings.is_empty() {
        findings.push(warning(
            "topic_settings",
            "we may not read its settings, so they were not examined",
            "grant DescribeConfigs on the topic to our principal",
        ));
        return findings;
    }
    if let Some(least) = number(&settings, "min.insync.replicas").filter(|_| replicas > 0) {
        findings.push(in_sync(least, replicas, &topic.presence));
    }
    findings.push(unclean_election(&settings, replicas));
    findings.extend(number(&settings, "max.message.bytes").map(|most| {
        let most = u64::try_from(most).unwrap_or(0);
        size(most, expectation.payload)
    }));
    findings.push(retention(&settings, expectation.has_timestamp_column));
    findings.push(timestamps(&settings, expectation.has_timestamp_column));
    findings.push(clean_up(&settings, expectation.key_may_be_null));
    findings
}

fn presence(presence: &Presence, expectation: &Expectation) -> Finding {
    let name = "topic";
    match presence {
        Presence::Exists(Layout { partitions, leaderless, .. }) if *leaderless > 0 => fault(
            name,
            format!("{leaderless} of {partitions} partitions have no leader and take no record"),
            "bring the brokers that hold them back",
        ),
        Presence::Exists(Layout { partitions: 1, .. }) => ok(name, "1 partition, with a leader"),
        Presence::Exists(Layout { partitions, .. }) => {
            ok(name, format!("{}, each with a leader", words::several(*partitions, "partition")))
        }
        Presence::Missing if expectation.create.is_some() => {
            ok(name, "not there yet; the first event creates it (kafka.create_topics)")
        }
        Presence::Missing => fault(
            name,
            "not there: an event for it would hold everything",
            "create the topic, correct [route] topic, or set [kafka] create_topics = true",
        ),
        Presence::Refused(refusal) => fault(name, refusal.reason(), refusal.hint()),
        Presence::NotKnown(reason) => warning(
            name,
            format!("not examined, the brokers say nothing of it: {reason}"),
            "run postrider check again",
        ),
    }
}

fn replication(replicas: i64, presence: &Presence) -> Finding {
    let name = "replication_factor";
    let hint = match presence {
        Presence::Missing => "set kafka.topic_replicas = 3, with at least 3 brokers",
        _ => "raise it to 3 on at least 3 brokers (kafka-reassign-partitions.sh)",
    };
    match replicas {
        1 => warning(name, "1 replica, and what its broker loses is lost", hint),
        few if few < ENOUGH_REPLICAS => {
            warning(name, format!("{few} replicas: a second broker's failure stops or loses"), hint)
        }
        enough => ok(name, format!("{enough} replicas")),
    }
}

/// What acks=all means: this many replicas have the record before it counts.
fn in_sync(least: i64, replicas: i64, presence: &Presence) -> Finding {
    let name = "min_insync_replicas";
    let replicas_told = words::several(usize::try_from(replicas).unwrap_or(0), "replica");
    let text = format!("min.insync.replicas is {least} with {replicas_told}");
    let set =
        |to: i64| format!("set min.insync.replicas = {to} on the topic (kafka-configs.sh --alter)");
    let now = match presence {
        Presence::Exists(layout) => i64::try_from(layout.in_sync).unwrap_or(replicas),
        _ => replicas,
    };
    match least {
        _ if least > replicas => {
            fault(name, format!("{text}: no record is ever acknowledged"), set(replicas.min(2)))
        }
        _ if now < least => fault(
            name,
            format!("{text}, {now} of them in sync: no record is acknowledged now"),
            "bring the brokers that hold the other replicas back",
        ),
        1 if replicas > 1 => warning(
            name,
            format!("{text}: an acknowledged record can be lost with one broker"),
            set(2),
        ),
        _ if least == replicas && replicas > 1 => warning(
            name,
            format!("{text}: one broker's restart stops the publisher"),
            set(replicas - 1),
        ),
        _ => ok(name, text),
    }
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
