//! `postrider check`: brokers and topics, good and bad.

use std::net::TcpListener;

use crate::{
    check_postgres::good,
    harness::{Stage, free_port, preflight, toml_text},
};

#[test]
fn a_topic_that_does_not_exist_is_a_fault_unless_it_is_created() {
    let stage = good(Stage::new());
    let topic = stage.topic_name("nobody.made.it");
    let ask = ["--topic", topic.as_str()];
    let check = preflight(&stage, &ask);
    assert_eq!(check.code, 1);
    check.shows("topic", "fault", &topic);
    assert!(!check.has("cleanup_policy"));

    stage.set("kafka.create_topics", "true");
    let check = preflight(&stage, &ask);
    assert_eq!(check.code, 0);
    check.shows("topic", "ok", "the first event creates it");
    check.shows("replication_factor", "warning", "1 replica");
    check.shows("retention", "ok", "7 days");
    check.shows("max_message_bytes", "ok", "1,048,588, enough");
    assert_eq!(stage.topics.partitions(&topic), None, "check must create nothing");
}

#[test]
fn settings_of_a_topic_that_harm_are_told_and_others_are_not() {
    let stage = good(Stage::new());
    let topic = stage.topic_name("orders");
    let check = preflight(&stage, &[]);
    for name in ["min_insync_replicas", "retention", "timestamps", "unclean_leader_election"] {
        check.shows(name, "ok", &topic);
    }
    for (key, value, back, (name, state, part)) in [
        ("min.insync.replicas", "2", "1", ("min_insync_replicas", "fault", "ever acknowledged")),
        ("max.message.bytes", "900000", "1048588", ("max_message_bytes", "warning", "is refused")),
        ("retention.ms", "3600000", "604800000", ("retention", "warning", "1 hour")),
        (
            "message.timestamp.before.max.ms",
            "86400000",
            "9223372036854775807",
            ("timestamps", "warning", "1 day"),
        ),
        ("cleanup.policy", "compact", "delete", ("cleanup_policy", "warning", "newest event")),
    ] {
        stage.topics.alter(&topic, key, value);
        let check = preflight(&stage, &[]);
        check.shows(name, state, part);
        assert_eq!(check.code, i32::from(state == "fault"), "{key}");
        stage.topics.alter(&topic, key, back);
        preflight(&stage, &[]).shows(name, "ok", &topic);
    }
}

#[test]
fn a_topic_is_judged_by_what_the_table_puts_into_it() {
    let stage = good(Stage::new());
    let topic = stage.topic_name("orders");
    let sql = stage.sql();
    stage.topics.alter(&topic, "cleanup.policy", "compact");
    sql.run("alter table outbox alter column aggregateid drop not null");
    let check = preflight(&stage, &[]);
    check.shows("cleanup_policy", "fault", "without key");
    assert_eq!(check.code, 1);
    sql.run("alter table outbox drop constraint outbox_payload_check");
    preflight(&stage, &[]).shows("max_message_bytes", "warning", "allows larger");

    sql.run("alter table outbox add made_at timestamptz");
    stage.set("outbox.columns", "{ timestamp = 'made_at' }");
    stage.topics.alter(&topic, "message.timestamp.type", "LogAppendTime");
    preflight(&stage, &[]).shows("timestamps", "warning", "LogAppendTime");
    stage.topics.alter(&topic, "message.timestamp.type", "CreateTime");
    preflight(&stage, &[]).shows("retention", "ok", "counted from the timestamp column");
    stage.topics.alter(&topic, "retention.ms", "60000");
    preflight(&stage, &[]).shows("retention", "warning", "deleted at once");
}

#[test]
fn topics_come_from_the_rows_the_route_or_the_command_line() {
    let stage = good(Stage::new());
    let (orders, refunds) = (stage.topic_name("orders"), stage.topic_name("refunds"));
    stage.topic("refunds", &[]);
    stage.sql().run(&stage.insert("second", "'k'", "'{}'").replace(".orders", ".refunds"));
    let check = preflight(&stage, &[]);
    check.shows("topic", "ok", "all 2 topics");
    let said = stage.says(&["check"]).out;
    assert!(said.contains(&orders) && said.contains(&refunds), "{said}");

    let check = preflight(&stage, &["--topic", &refunds]);
    check.shows("routes", "ok", "1 topic asked for");
    check.shows("topic", "ok", &refunds);

    let check = preflight(&stage, &["--topic", "no topic"]);
    check.shows("topic_names", "fault", "\"no topic\"");
    assert_eq!(check.code, 1);

    stage.set("route.topic", &toml_text(&orders));
    preflight(&stage, &[]).shows("routes", "ok", "every event goes to");

    stage.set("route.topic", "'{aggregatetype}'");
    let odd = stage.insert("odd", "'k'", "'{}'").replace(&stage.aggregate("orders"), "x y");
    stage.sql().run(&odd);
    preflight(&stage, &[]).shows("topic_names", "fault", "x y");

    stage.sql().run("delete from outbox");
    preflight(&stage, &[]).shows("routes", "warning", "has none now");
}

#[test]
fn a_kafka_that_cannot_be_reached_is_named_with_the_reason_and_postgresql_is_examined() {
    let stage = good(Stage::new());
    let closed = free_port();
    // Takes connections and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = mute.local_addr().unwrap().port();
    for (port, part) in [(closed, "refused"), (silent, "")] {
        let address = format!("127.0.0.1:{port}");
        stage.set("kafka.brokers", &toml_text(&address));
        let check = preflight(&stage, &[]);
        assert_eq!(check.code, 69);
        check.shows("brokers", "fault", &format!("Kafka at {address} cannot be reached: "));
        check.shows("brokers", "fault", part);
        check.shows("slot", "ok", "sound");
        assert_eq!(*check.value("not_examined"), serde_json::json!(["topics"]));
    }
    stage.set("postgres.url", &toml_text(&format!("postgres://x@127.0.0.1:{closed}/x")));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 69);
    check.shows("connection", "fault", "cannot be reached");
    check.shows("brokers", "fault", "cannot be reached");
}

#[test]
fn options_that_librdkafka_does_not_take_are_wrong_settings() {
    let stage = good(Stage::new());
    stage.set("kafka.options", "{ 'no.such.option' = '1' }");
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 78);
    check.shows("brokers", "fault", "no.such.option");
}
