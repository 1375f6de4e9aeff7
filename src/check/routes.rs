//! Routes: which topics events go to, as far as that can be known before they do.

use super::{
    report::{Area, Line},
    words,
};
use crate::outbox::{Part, Template, is_valid_topic};

const HERE: Area = Area::Topics;

/// More topics than this are asked for by name.
pub(super) const MOST_TOPICS: usize = 50;

/// What is known of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Routes {
    /// Named on the command line.
    Given(Vec<String>),
    /// `route.topic` names no column.
    Fixed(String),
    /// Those of rows that are in the table now.
    OfRows(Vec<String>),
    /// The rows decide, and could not be looked at.
    Unknown(Why),
}

/// Why the rows could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The role lacks SELECT, which `run` does not need either.
    MayNotRead,
    /// PostgreSQL or the table cannot be used at all; another line says why.
    NoTable,
    /// The server's words.
    Failed(String),
}

impl Routes {
    /// What can be known without looking at rows.
    pub(super) fn without_rows(given: &[String], template: &Template) -> Option<Routes> {
        if !given.is_empty() {
            return Some(Routes::Given(given.to_vec()));
        }
        let fixed = template.columns().next().is_none();
        fixed.then(|| Routes::Fixed(fill(template, &[], &[]).unwrap_or_default()))
    }

    /// The topics, each once; those that are no topic's name left out.
    pub(super) fn topics(&self) -> Vec<String> {
        let all = match self {
            Routes::Given(names) | Routes::OfRows(names) => names.clone(),
            Routes::Fixed(name) => vec![name.clone()],
            Routes::Unknown(_) => Vec::new(),
        };
        let mut topics: Vec<String> = Vec::new();
        for name in all.into_iter().filter(|name| is_valid_topic(name)) {
            if !topics.contains(&name) {
                topics.push(name);
            }
        }
        topics.truncate(MOST_TOPICS);
        topics
    }

    /// What is to be said of them.
    pub(super) fn lines(&self, template: &Template, table: &str, user: &str) -> Vec<Line> {
        let name = "routes";
        let depend = format!("topics depend on the rows ({template})");
        let ask = "name topics to examine: postrider check --topic NAME, as often as needed";
        let topics = self.topics();
        let line = match self {
            Routes::Given(_) => {
                Line::ok(HERE, name, format!("{} asked for", words::several(topics.len(), "topic")))
            }
            Routes::Fixed(topic) => {
                Line::ok(HERE, name, format!("every event goes to {topic} (route.topic)"))
            }
            Routes::OfRows(names) if names.is_empty() => {
                Line::warning(HERE, name, format!("{depend}, and {table} has none now"), ask)
            }
            Routes::OfRows(_) => {
                let topics = words::list(&topics);
                Line::ok(HERE, name, format!("rows now in {table} go to {topics}"))
            }
            Routes::Unknown(Why::MayNotRead) => {
                let sentence = format!("{depend}, which role {user:?} may not read and need not");
                Line::warning(HERE, name, sentence, ask)
            }
            Routes::Unknown(Why::NoTable) => {
                Line::warning(HERE, name, format!("{depend}, and there are none to look at"), ask)
            }
            Routes::Unknown(Why::Failed(reason)) => {
                Line::warning(HERE, name, format!("{depend}, which were not read: {reason}"), ask)
            }
        };
        [line].into_iter().chain(self.bad_names()).collect()
    }

    fn bad_names(&self) -> Option<Line> {
        let (Routes::Given(names) | Routes::OfRows(names)) = self else { return None };
        let bad: Vec<String> = names
            .iter()
            .filter(|name| !is_valid_topic(name))
            .map(|name| format!("{:?}", name.chars().take(60).collect::<String>()))
            .collect();
        (!bad.is_empty()).then(|| {
            Line::fault(
                HERE,
                "topic_names",
                format!("{}: no name that Kafka takes for a topic", words::list(&bad)),
                "correct the column, or [route] topic; a CHECK in the table keeps such rows out \
                 (sql/outbox.sql has one)",
            )
        })
    }
}

/// The topic of a row that has `values` in `columns`; `None` when one of them is NULL.
pub(super) fn fill(
    template: &Template,
    columns: &[&str],
    values: &[Option<String>],
) -> Option<String> {
    let mut topic = String::new();
    for part in template.parts() {
        match part {
            Part::Literal(text) => topic.push_str(text),
            Part::Column(name) => {
                let at = columns.iter().position(|column| column == name)?;
                topic.push_str(values.get(at)?.as_deref()?);
            }
        }
    }
    Some(topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State;

    fn template(text: &str) -> Template {
        text.parse().expect("a template")
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn a_template_is_filled_from_a_row() {
        let columns = ["kind", "shard"];
        let fill = |text: &str, values: &[Option<String>]| fill(&template(text), &columns, values);
        assert_eq!(fill("a.{kind}.{shard}", &some(&["order", "7"])).as_deref(), Some("a.order.7"));
        assert_eq!(fill("{shard}{shard}", &some(&["order", "7"])).as_deref(), Some("77"));
        assert_eq!(fill("{kind}", &[None, None]), None);
        assert_eq!(fill("{other}", &some(&["order", "7"])), None);
    }

    #[test]
    fn names_of_the_command_line_come_before_the_route() {
        let given = ["a".to_owned()];
        let fixed = Routes::without_rows(&[], &template("events"));
        assert_eq!(fixed, Some(Routes::Fixed("events".into())));
        assert_eq!(Routes::without_rows(&[], &template("{x}")), None);
        let named = Routes::without_rows(&given, &template("events"));
        assert_eq!(named, Some(Routes::Given(given.to_vec())));
    }

    #[test]
    fn topics_are_known_or_it_is_said_how_to_name_them() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (routes, states, topics) in [
            (Routes::Given(names(&["a", "b", "a"])), vec![State::Ok], 2),
            (Routes::Given(names(&["a", "no topic"])), vec![State::Ok, State::Fault], 1),
            (Routes::Fixed("events".into()), vec![State::Ok], 1),
            (Routes::OfRows(names(&["a"])), vec![State::Ok], 1),
            (Routes::OfRows(names(&["a/b"])), vec![State::Ok, State::Fault], 0),
            (Routes::OfRows(names(&[])), vec![State::Warning], 0),
            (Routes::Unknown(Why::MayNotRead), vec![State::Warning], 0),
            (Routes::Unknown(Why::NoTable), vec![State::Warning], 0),
            (Routes::Unknown(Why::Failed("too slow".into())), vec![State::Warning], 0),
        ] {
            let lines = routes.lines(&template("{kind}"), "public.outbox", "shop");
            let found: Vec<State> = lines.iter().map(|line| line.state).collect();
            assert_eq!(found, states, "{lines:?}");
            assert_eq!(routes.topics().len(), topics, "{routes:?}");
            let asks = lines[0].hint.as_ref().is_some_and(|hint| hint.contains("--topic NAME"));
            assert_eq!(asks, lines[0].state == State::Warning, "{lines:?}");
        }
    }
}
