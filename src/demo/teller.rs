//! The teller: lines a person reads, a bar while time passes, the table at the end.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::audit::Counts;

/// Tells on stdout; the bar is on stderr, and only on a terminal.
pub(super) struct Teller {
    begin: Instant,
    bar: ProgressBar,
    /// Whether stdout is a terminal that wants colour.
    paints: bool,
}

/// What the table says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Orders in the shop's table.
    pub(super) committed: i64,
    /// Orders rolled back, as the tills counted.
    pub(super) rolled_back: u64,
    /// Points that the committed orders are worth.
    pub(super) earned: i64,
    /// Points on the customers' accounts.
    pub(super) granted: i64,
    /// Orders without an event or the other way round; the transaction forbids it.
    pub(super) unpaired: i64,
    /// Outbox and Kafka compared.
    pub(super) counts: Counts,
}

impl Outcome {
    /// Whether each committed order was granted once and nothing else happened.
    pub(super) fn is_good(&self) -> bool {
        let Counts { records: _, repeats: _, lost, phantom, out_of_order } = self.counts;
        [lost, phantom, out_of_order] == [0, 0, 0]
            && self.unpaired == 0
            && self.earned == self.granted
            && self.committed > 0
    }
}

impl Teller {
    /// A teller whose clock starts now.
    pub(super) fn new() -> Teller {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Teller { begin: Instant::now(), bar, paints: io::stdout().is_terminal() && !no_colour }
    }

    /// A line with the time it happened.
    pub(super) fn tell(&self, line: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        let time = self.paint("2", &format!("{seconds:5.1} s"));
        self.say(&format!("{time}  {line}"));
    }

    /// A line that is the same on any day.
    pub(super) fn say(&self, line: &str) {
        // Whoever closed stdout does not want to hear it.
        self.bar.suspend(|| drop(writeln!(io::stdout().lock(), "{line}")));
    }

    /// Something died.
    pub(super) fn loss(&self, line: &str) {
        self.tell(&self.paint("33", line));
    }

    /// Shows a bar that is full after `length`.
    pub(super) fn begin_bar(&mut self, length: Duration) {
        let style = ProgressStyle::with_template("  {bar:32} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::stderr_with_hz(10);
        self.bar = ProgressBar::with_draw_target(Some(length.as_millis() as u64), target)
            .with_style(style.progress_chars("━╸ "));
    }

    /// Moves the bar.
    pub(super) fn move_bar(&self, passed: Duration, message: String) {
        self.bar.set_position(passed.as_millis() as u64);
        self.bar.set_message(message);
    }

    /// Takes the bar away.
    pub(super) fn end_bar(&self) {
        self.bar.finish_and_clear();
    }

    /// The table, and the sentence it adds up to.
    pub(super) fn show(&self, outcome: &Outcome) {
        let counts = &outcome.counts;
        let must_be = |value: i64, expected: i64| {
            let text = format!("{:>9}", thousands(value));
            self.paint(if value == expected { "1;32" } else { "1;31" }, &text)
        };
        let zero = |value: usize| must_be(value as i64, 0);
        let plain = |value: i64| format!("{:>9}", thousands(value));
        let row = |name: &str, value: String, note: &str| {
            self.say(format!("  {name:<20}{value}   {note}").trim_end());
        };
        self.say("");
        row("orders committed", plain(outcome.committed), "");
        row("orders rolled back", plain(outcome.rolled_back as i64), "");
        row("records in Kafka", plain(counts.records as i64), "");
        let note = "sent again after a kill; the inbox lets none through";
        row("repeats", plain(counts.repeats as i64), note);
        let of = format!("of {}", thousands(outcome.earned));
        row("points granted", must_be(outcome.granted, outcome.earned), &of);
        row("lost", zero(counts.lost), "");
        row("phantom", zero(counts.phantom), "");
        row("out of order", zero(counts.out_of_order), "");
        if outcome.unpaired != 0 {
            row("without event", must_be(outcome.unpaired, 0), "orders and outbox rows differ");
        }
        self.say("");
        if outcome.is_good() {
            self.say("Each order that was committed was granted once, whatever died in between.");
            self.say("Next, for your own servers: postrider settings --example > postrider.toml");
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.paints { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// 1234567 as 1,234,567.
pub(super) fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let texts = [0, 7, 999, 1000, 1_234_567, -1000].map(thousands);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-1,000"]);
    }

    #[test]
    fn an_outcome_is_good_only_when_every_count_is() {
        let counts = Counts { records: 12, repeats: 2, ..Counts::default() };
        let good =
            Outcome { committed: 10, rolled_back: 1, earned: 50, granted: 50, unpaired: 0, counts };
        assert!(good.is_good());
        for bad in [
            Outcome { granted: 51, ..good },
            Outcome { unpaired: 1, ..good },
            Outcome { committed: 0, earned: 0, granted: 0, ..good },
            Outcome { counts: Counts { lost: 1, ..counts }, ..good },
            Outcome { counts: Counts { phantom: 1, ..counts }, ..good },
            Outcome { counts: Counts { out_of_order: 1, ..counts }, ..good },
        ] {
            assert!(!bad.is_good(), "{bad:?}");
        }
    }
}
