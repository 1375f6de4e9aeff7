//! The manual's page on Kafka's errors has the tables that the list makes.

use std::{fmt::Write as _, fs};

use super::list::{Answer, CONNECTIONS, Fate, PRODUCE, PRODUCER_ID, TOPIC, known};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kafka-errors.md");
const BEGIN: &str = "<!-- tables: begin -->\n";
const END: &str = "<!-- tables: end -->";

fn what_we_do(fate: Fate) -> String {
    match fate {
        Fate::Retried => "librdkafka sends it again, in order, until it is acknowledged".to_owned(),
        Fate::Refused(refusal) => format!(
            "the batch is refused (`{}`): its events are sent alone, one that is refused alone is held",
            refusal.label()
        ),
        Fate::Held => "held: `/readyz` and the log say what to do".to_owned(),
        Fate::NewProducer => {
            "a new producer begins at the last confirmed position; repeats, no loss".to_owned()
        }
    }
}

fn table(title: &str, answers: &[Answer], others: &str, evidence: &str) -> String {
    let mut text = format!("### {title}\n\n| code | name | what we do |\n| ---: | --- | --- |\n");
    for Answer { code, name, fate } in answers {
        writeln!(text, "| {code} | {name} | {} |", what_we_do(*fate)).unwrap();
    }
    let listed = |code: &i16| answers.iter().any(|answer| answer.code == *code);
    let left = known().filter(|code| !listed(code)).count();
    write!(text, "| | the other {left} that librdkafka knows | {others} |\n\n{evidence}\n\n")
        .unwrap();
    text
}

fn tables() -> String {
    let mut text = table(
        "Answers to records (Produce)",
        PRODUCE,
        &what_we_do(Fate::NewProducer),
        "Evidence: `codes_tests.rs`. Each code strikes the first, a middle and the last record, sent alone, and the \
         first, third and fifth of five requests that are in flight together; not appended, and appended all the same.",
    );
    text += &table(
        "Answers to the request for a producer's id (InitProducerId)",
        PRODUCER_ID,
        "asked again, twice a second",
        "Evidence: `metadata_tests.rs`, each code once.",
    );
    text += &table(
        "Answers about a topic (Metadata)",
        TOPIC,
        "asked again, four times a second",
        "An error of one of its partitions is always waited out. Evidence: `metadata_tests.rs`, each code before the \
         first record and, where it holds, in mid stream.",
    );
    text += "### Connections\n\n| what happens | what we do |\n| --- | --- |\n";
    for (what, _) in CONNECTIONS {
        writeln!(text, "| {what} | {}; no repeat |", what_we_do(Fate::Retried)).unwrap();
    }
    text + "\nEvidence: `connection_tests.rs`, each at the same six places.\n"
}

#[test]
fn the_page_on_errors_has_the_tables_that_the_list_makes() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(BEGIN).expect("the page has a place for the tables");
    let (found, _) = rest.split_once(END).expect("the place has an end");
    let expected = tables();
    assert!(found == expected, "docs/kafka-errors.md is to have these tables:\n{expected}");
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = fs::read_to_string(PAGE).unwrap();
    let tests = [
        include_str!("codes_tests.rs"),
        include_str!("connection_tests.rs"),
        include_str!("cluster_tests.rs"),
        include_str!("../../kafka/producer_tests.rs"),
    ];
    let (_, beside) = page.split_once("## Beside single errors").unwrap();
    let rows = beside.lines().filter(|line| line.ends_with("` |"));
    let named: Vec<&str> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert!(named.len() >= 7, "{named:?}");
    for name in named {
        let declared = format!("fn {name}(");
        assert!(tests.iter().any(|text| text.contains(&declared)), "there is no test {name}");
    }
}
