//! Settings: what a topic's own settings do to records.

use std::{collections::BTreeMap, time::Duration};

use super::{Finding, Payload, fault, ok, warning};
use crate::check::words;

/// Key, headers and the record's own bytes beside the payload.
const BESIDE_PAYLOAD: u64 = 4096;

/// An outage of publisher or consumer over a weekend must not outlast the records.
const SHORT_RETENTION: Duration = Duration::from_secs(3 * 86_400);

pub(super) fn number(settings: &BTreeMap<String, String>, name: &str) -> Option<i64> {
    settings.get(name)?.parse().ok()
}

/// A broker's settings under the names that topics have for them.
pub(super) fn as_topic_settings(defaults: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    const NAMES: [(&str, &str); 8] = [
        ("min.insync.replicas", "min.insync.replicas"),
        ("unclean.leader.election.enable", "unclean.leader.election.enable"),
        ("message.max.bytes", "max.message.bytes"),
        ("log.retention.ms", "retention.ms"),
        ("log.cleanup.policy", "cleanup.policy"),
        ("log.message.timestamp.type", "message.timestamp.type"),
        ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
        ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
    ];
    let named = NAMES.into_iter();
    let mut settings: BTreeMap<String, String> =
        named.filter_map(|(of, to)| Some((to.to_owned(), defaults.get(of)?.clone()))).collect();
    // The unit in which somebody wrote it is the only one that has a value.
    for (of, minutes) in [("log.retention.minutes", 1), ("log.retention.hours", 60)] {
        if let Some(count) = number(defaults, of) {
            let ms = count.saturating_mul(minutes * 60_000).to_string();
            settings.entry("retention.ms".to_owned()).or_insert(ms);
        }
    }
    settings
}

pub(super) fn unclean_election(settings: &BTreeMap<String, String>, replicas: i64) -> Finding {
    let name = "unclean_leader_election";
    let on = settings.get("unclean.leader.election.enable").is_some_and(|value| value == "true");
    match on && replicas != 1 {
        true => fault(
            name,
            "unclean.leader.election.enable is true: acknowledged records can be lost",
            "set unclean.leader.election.enable = false on the topic (kafka-configs.sh --alter)",
        ),
        false => ok(name, "no replica that lacks records can lead"),
    }
}

pub(super) fn size(most: u64, payload: Payload) -> Finding {
    let name = "max_message_bytes";
    let text = format!("max.message.bytes is {}", words::count(most));
    match payload {
        Payload::NotKnown => ok(name, text),
        Payload::AtMost(limit) if limit.saturating_add(BESIDE_PAYLOAD) <= most => {
            ok(name, format!("{text}, enough for every payload"))
        }
        Payload::AtMost(limit) => {
            let limit = words::count(limit);
            warning(
                name,
                format!("{text}: a payload of the {limit} bytes that the table allows is refused"),
                "raise max.message.bytes on the topic, or lower the limit in the table's CHECK",
            )
        }
        Payload::Unlimited => warning(
            name,
            format!("{text}, and the table allows larger payloads, which would be refused"),
            "limit the payload's size in the table with a CHECK, as sql/outbox.sql does",
        ),
    }
}

pub(super) fn retention(
    settings: &BTreeMap<String, String>,
    has_timestamp_column: bool,
) -> Finding {
    let name = "retention";
    let deletes = settings.get("cleanup.policy").is_none_or(|policy| policy.contains("delete"));
    let kept = number(settings, "retention.ms").and_then(|ms| u64::try_from(ms).ok());
    let Some(kept) = kept.filter(|_| deletes).map(Duration::from_millis) else {
        return ok(name, "records are not deleted by age");
    };
    let (text, hint) = (format!("retention.ms is {}", words::time(kept)), "raise retention.ms");
    match (has_timestamp_column, kept < SHORT_RETENTION) {
        (false, false) => ok(name, text),
        (true, false) => ok(name, format!("{text}, counted from the timestamp column's value")),
        (false, true) => warning(
            name,
            format!("{text}: after a longer outage records are deleted before they are read"),
            hint,
        ),
        (true, true) => warning(
            name,
            format!(
                "{text}: records with an older value in the timestamp column are deleted at once"
            ),
            hint,
        ),
    }
}

pub(super) fn timestamps(
    settings: &BTreeMap<String, String>,
    has_timestamp_column: bool,
) -> Finding {
    let name = "timestamps";
    let kind = settings.get("message.timestamp.type");
    if has_timestamp_column && kind.is_some_and(|kind| kind == "LogAppendTime") {
        return warning(
            name,
            "message.timestamp.type is LogAppendTime: the timestamp column's value is not kept",
            "set message.timestamp.type = CreateTime on the topic, or leave out \
             outbox.columns.timestamp",
        );
    }
    // Ten years stand for "no limit", which brokers write as the largest number that there is.
    let bound = |name: &str| {
        let ms = number(settings, name).and_then(|ms| u64::try_from(ms).ok())?;
        let time = Duration::from_millis(ms);
        (time < Duration::from_secs(10 * 365 * 86_400)).then_some(time)
    };
    if let Some(before) = bound("message.timestamp.before.max.ms") {
        let time = words::time(before);
        return warning(
            name,
            format!(
                "message.timestamp.before.max.ms is {time}: after a longer outage all is refused"
            ),
            "raise message.timestamp.before.max.ms on the topic to what no outage reaches",
        );
    }
    match bound("message.timestamp.after.max.ms").filter(|_| has_timestamp_column) {
        Some(after) => {
            ok(name, format!("values more than {} in the future are refused", words::time(after)))
        }
        None => ok(name, "no record is refused for its age"),
    }
}

pub(super) fn clean_up(settings: &BTreeMap<String, String>, key_may_be_null: bool) -> Finding {
    let name = "cleanup_policy";
    let policy = settings.get("cleanup.policy").map_or("delete", String::as_str);
    let hint = "set cleanup.policy = delete on the topic (kafka-configs.sh --alter)";
    match policy.contains("compact") {
        false => ok(name, format!("cleanup.policy is {policy}, every event of a key stays")),
        true if key_may_be_null => fault(
            name,
            format!("cleanup.policy is {policy}: a record without key is refused and holds all"),
            "set cleanup.policy = delete on the topic, or make the key's column NOT NULL",
        ),
        true => warning(
            name,
            format!(
                "cleanup.policy is {policy}: only the newest event of a key stays, and a NULL \
                 payload removes it too"
            ),
            hint,
        ),
    }
}
