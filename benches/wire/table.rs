//! The table of what was measured, what is wanted, and what upstream's own reaches.

use std::time::Duration;

use crate::clock::Took;

/// What is wanted of a row, and what kube-apiserver 1.36 with etcd reached on this kind of machine.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) target: f64,
    pub(crate) upstream: f64,
}

struct Figure {
    name: String,
    measured: f64,
    unit: &'static str,
    more_is_better: bool,
    wanted: Option<Wanted>,
    /// What else there is to say.
    note: String,
}

#[derive(Default)]
pub(crate) struct Table(Vec<Figure>);

impl Table {
    /// How many there are a second.
    pub(crate) fn rate(&mut self, name: String, count: usize, took: Took, wanted: Option<Wanted>) {
        let per = |time: Duration| count as f64 / time.as_secs_f64();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        let server = took.server.map_or(String::new(), |time| format!("server {:.1} µs, ", each(time)));
        let client = each(took.client);
        let note = format!("{server}client {client:.1} µs each; by the clock {:.0}/s", per(took.clock));
        let measured = per(took.alone());
        self.0.push(Figure { name, measured, unit: "/s", more_is_better: true, wanted, note });
    }

    /// How long it takes by the clock.
    pub(crate) fn millis(&mut self, name: String, took: Duration, wanted: Option<Wanted>, note: String) {
        let measured = took.as_secs_f64() * 1e3;
        self.0.push(Figure { name, measured, unit: "ms", more_is_better: false, wanted, note });
    }

    pub(crate) fn megabytes(&mut self, name: String, measured: f64, wanted: Option<Wanted>, note: String) {
        self.0.push(Figure { name, measured, unit: "MB", more_is_better: false, wanted, note });
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<44} {:>12} {:>12} {:>12} {:>7}  met",
            "over loopback, HTTP/2", "measured", "target", "upstream", "ratio"
        );
        for figure in &self.0 {
            figure.print();
        }
    }
}

impl Figure {
    fn print(&self) {
        let Figure { name, measured, unit, .. } = self;
        let wanted = self.wanted.map_or(String::new(), |wanted| {
            let (ratio, is_met, bound) = if self.more_is_better {
                (measured / wanted.upstream, *measured >= wanted.target, "≥")
            } else {
                (wanted.upstream / measured, *measured <= wanted.target, "≤")
            };
            let met = if is_met { "yes" } else { "no" };
            let Wanted { target, upstream } = wanted;
            format!("{bound} {target:>7.0} {unit:<2} {upstream:>9.0} {unit:<2} {ratio:>6.1}x  {met}")
        });
        println!("{name:<44} {measured:>9.1} {unit:<2} {wanted}");
        if !self.note.is_empty() {
            println!("    {}", self.note);
        }
    }
}
