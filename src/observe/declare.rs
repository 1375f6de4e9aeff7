//! Declare: makes metrics and remembers that they exist.
//!
//! A registry alone writes nothing about a family that has no samples yet. A reader of `/metrics`
//! should still learn its name, so the declarer keeps what was declared.

use std::fmt::Write;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, core::Collector, proto::MetricFamily,
};

/// Makes metrics with one prefix in one registry.
///
/// Its methods panic for a name that is no metric name or declared twice: a mistake in the one
/// list of metrics, which every test that makes `Metrics` would meet.
pub(super) struct Declarer {
    prefix: &'static str,
    registry: Registry,
    declared: Vec<Declared>,
}

struct Declared {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
}

impl Declarer {
    pub(super) fn new(prefix: &'static str) -> Declarer {
        Declarer { prefix, registry: Registry::new(), declared: Vec::new() }
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> IntCounter {
        let made = IntCounter::with_opts(self.opts(name, help));
        self.keep(Declared { name, help, kind: "counter" }, made)
    }

    pub(super) fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&str],
    ) -> IntCounterVec {
        let made = IntCounterVec::new(self.opts(name, help), labels);
        self.keep(Declared { name, help, kind: "counter" }, made)
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> IntGauge {
        let made = IntGauge::with_opts(self.opts(name, help));
        self.keep(Declared { name, help, kind: "gauge" }, made)
    }

    pub(super) fn gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&str],
    ) -> IntGaugeVec {
        let made = IntGaugeVec::new(self.opts(name, help), labels);
        self.keep(Declared { name, help, kind: "gauge" }, made)
    }

    /// A gauge with a fraction, 0 at first.
    pub(super) fn seconds(&mut self, name: &'static str, help: &'static str) -> Gauge {
        let made = Gauge::with_opts(self.opts(name, help));
        self.keep(Declared { name, help, kind: "gauge" }, made)
    }

    /// A gauge without a sample until it is set. A family without labels does just that.
    pub(super) fn unknown_at_first(&mut self, name: &'static str, help: &'static str) -> GaugeVec {
        let made = GaugeVec::new(self.opts(name, help), &[]);
        self.keep(Declared { name, help, kind: "gauge" }, made)
    }

    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        bounds: &[f64],
    ) -> Histogram {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(bounds.to_vec());
        let made = Histogram::with_opts(opts);
        self.keep(Declared { name, help, kind: "histogram" }, made)
    }

    /// Everything that has samples.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// Writes the head lines of what has no samples, which the format allows.
    pub(super) fn announce_empty(&self, text: &mut String) {
        for Declared { name, help, kind } in &self.declared {
            let head = format!("# TYPE {}_{name} {kind}\n", self.prefix);
            if !text.contains(&head) {
                writeln!(text, "# HELP {}_{name} {help}", self.prefix)
                    .expect("writing to a String does not fail");
                text.push_str(&head);
            }
        }
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).namespace(self.prefix)
    }

    fn keep<M>(&mut self, declared: Declared, made: prometheus::Result<M>) -> M
    where
        M: Collector + Clone + 'static,
    {
        let made = made.expect("names, labels and bounds are constants of one list");
        self.registry
            .register(Box::new(made.clone()))
            .expect("names are unique: each is declared once in one list");
        self.declared.push(declared);
        made
    }
}
