//! Report: the lines of a check, and the exit code that they come to.

use crate::fault::Fault;

/// What a line is about. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// The server and its settings.
    Postgres,
    /// The outbox table.
    Table,
    /// The publication and the slot.
    Slot,
    /// What our role may do.
    Rights,
    /// The brokers.
    Kafka,
    /// The topics that events go to.
    Topics,
}

impl Area {
    /// Every area, in order.
    pub const ALL: [Area; 6] =
        [Area::Postgres, Area::Table, Area::Slot, Area::Rights, Area::Kafka, Area::Topics];

    /// The heading for people.
    pub fn title(self) -> &'static str {
        match self {
            Area::Postgres => "PostgreSQL",
            Area::Table => "Table",
            Area::Slot => "Publication and slot",
            Area::Rights => "Rights",
            Area::Kafka => "Kafka",
            Area::Topics => "Topics",
        }
    }

    /// The name for programs.
    pub fn label(self) -> &'static str {
        match self {
            Area::Postgres => "postgres",
            Area::Table => "table",
            Area::Slot => "publication_and_slot",
            Area::Rights => "rights",
            Area::Kafka => "kafka",
            Area::Topics => "topics",
        }
    }
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and one should know.
    Warning,
    /// Events would not flow, or could be lost.
    Fault,
}

impl State {
    /// The word for people and programs.
    pub fn label(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Fault => "fault",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub area: Area,
    /// Its name, the same in every version: `wal_level`.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What is so, in one sentence with the names involved.
    pub sentence: String,
    /// What to do; `None` when nothing is to be done.
    pub hint: Option<String>,
    /// The topics that it is about.
    pub topics: Vec<String>,
    /// The exit code, when the line says that a server could not be examined at all.
    exit_code: Option<u8>,
}

impl Line {
    /// Something that is as it should be.
    pub fn ok(area: Area, name: &'static str, sentence: impl Into<String>) -> Line {
        let (sentence, topics) = (sentence.into(), Vec::new());
        Line { area, name, state: State::Ok, sentence, hint: None, topics, exit_code: None }
    }

    /// Something that one should know.
    pub fn warning(
        area: Area,
        name: &'static str,
        sentence: impl Into<String>,
        hint: impl Into<String>,
    ) -> Line {
        Line::ok(area, name, sentence).in_need(State::Warning, hint.into())
    }

    /// Something that must be mended.
    pub fn fault(
        area: Area,
        name: &'static str,
        sentence: impl Into<String>,
        hint: impl Into<String>,
    ) -> Line {
        Line::ok(area, name, sentence).in_need(State::Fault, hint.into())
    }

    fn in_need(self, state: State, hint: String) -> Line {
        Line { state, hint: Some(hint), ..self }
    }

    /// A fault that an edge has put into words.
    pub fn of(area: Area, name: &'static str, fault: &Fault) -> Line {
        Line::fault(area, name, &fault.sentence, &fault.hint)
    }

    /// A fault that kept the whole server from being examined.
    pub fn closed(area: Area, name: &'static str, fault: &Fault) -> Line {
        Line { exit_code: Some(fault.kind.exit_code()), ..Line::of(area, name, fault) }
    }

    /// The same line about these topics.
    pub fn about(self, topics: Vec<String>) -> Line {
        Line { topics, ..self }
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the order of the areas.
    pub lines: Vec<Line>,
    /// Areas that could not be looked at, for a reason that a line tells.
    pub not_examined: Vec<Area>,
}

impl Report {
    /// How many lines have this state.
    pub fn count(&self, state: State) -> usize {
        self.lines.iter().filter(|line| line.state == state).count()
    }

    /// 0 when nothing is a fault; what kept a server from being examined, PostgreSQL first; else 1.
    pub fn exit_code(&self) -> u8 {
        let closed = self.lines.iter().find_map(|line| line.exit_code);
        closed.unwrap_or(u8::from(self.count(State::Fault) > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn the_exit_code_tells_a_fault_from_a_server_that_could_not_be_examined() {
        let fine = Line::ok(Area::Kafka, "x", "");
        let odd = Line::warning(Area::Kafka, "x", "", "");
        let bad = Line::fault(Area::Kafka, "x", "", "");
        let closed = |kind| Line::closed(Area::Kafka, "x", &Fault::new(kind, "", ""));
        for (lines, code) in [
            (vec![], 0),
            (vec![fine.clone(), odd.clone()], 0),
            (vec![fine, bad.clone(), odd], 1),
            (vec![bad.clone(), closed(FaultKind::Kafka)], 69),
            (vec![closed(FaultKind::Postgres), closed(FaultKind::Settings)], 69),
            (vec![closed(FaultKind::Rights), bad, closed(FaultKind::Kafka)], 77),
        ] {
            let report = Report { lines, not_examined: Vec::new() };
            assert_eq!(report.exit_code(), code, "{report:?}");
        }
    }
}
