//! Shows how a rollout goes: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// The progress of one thing towards `total`.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    title: String,
    shown: Option<u64>,
    total: u64,
}

impl Progress {
    pub(crate) fn new(title: &str, total: u64) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| ProgressBar::new(total));
        if let Some(bar) = &bar {
            let style = ProgressStyle::with_template("  {msg:28} {bar:30} {pos}/{len}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(title.to_owned());
        }
        Progress { bar, title: title.to_owned(), shown: None, total }
    }

    pub(crate) fn set(&mut self, done: u64) {
        if self.shown.replace(done) == Some(done) {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => println!("  {} {done}/{}", self.title, self.total),
        }
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish();
        }
    }
}
