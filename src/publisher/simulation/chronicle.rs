//! Chronicle: what happened in one run, for those who read a failure.

use std::{cell::RefCell, fmt::Display, rc::Rc, time::Instant};

use super::coverage::{Coverage, Rare};

/// Shared by all parts of a run.
#[derive(Clone)]
pub(super) struct Chronicle(Rc<RefCell<Pages>>);

struct Pages {
    base: Instant,
    now: Instant,
    /// Whether every event is told, or faults alone.
    is_full: bool,
    lines: Vec<String>,
    coverage: Coverage,
    failure: Option<String>,
}

impl Chronicle {
    pub(super) fn new(base: Instant, is_full: bool) -> Chronicle {
        Chronicle(Rc::new(RefCell::new(Pages {
            base,
            now: base,
            is_full,
            lines: Vec::new(),
            coverage: Coverage::default(),
            failure: None,
        })))
    }

    pub(super) fn at(&self, now: Instant) {
        self.0.borrow_mut().now = now;
    }

    /// Something of the ordinary; told in a full chronicle only.
    pub(super) fn tell<D: Display>(&self, words: impl FnOnce() -> D) {
        if self.0.borrow().is_full {
            self.write(words().to_string());
        }
    }

    /// A fault, always told.
    pub(super) fn fault(&self, words: impl Display) {
        self.write(format!("FAULT {words}"));
    }

    /// A rare state was reached.
    pub(super) fn saw(&self, state: Rare) {
        self.0.borrow_mut().coverage.saw(state);
    }

    pub(super) fn count(&self, with: impl FnOnce(&mut Coverage)) {
        with(&mut self.0.borrow_mut().coverage);
    }

    /// A promise is broken. The first one counts.
    pub(super) fn broken(&self, words: impl Display) {
        self.write(format!("BROKEN {words}"));
        let mut pages = self.0.borrow_mut();
        if pages.failure.is_none() {
            pages.failure = Some(words.to_string());
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.0.borrow().failure.is_some()
    }

    /// What is left at the end: the failure, the counts, the lines.
    pub(super) fn close(&self) -> (Option<String>, Coverage, Vec<String>) {
        let mut pages = self.0.borrow_mut();
        let lines = std::mem::take(&mut pages.lines);
        (pages.failure.clone(), pages.coverage.clone(), lines)
    }

    fn write(&self, words: String) {
        let mut pages = self.0.borrow_mut();
        let millis = (pages.now - pages.base).as_millis();
        pages.lines.push(format!("{millis:>8} ms  {words}"));
    }
}
