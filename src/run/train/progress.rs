//! The live line of long work, on stderr; where stderr is no terminal, plain lines at milestones.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar with a message, and lines that scroll above it.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Starts at `done` of `total`.
    pub fn new(label: &str, done: u64, total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = "{prefix} {bar:24} {pos}/{len} {msg} ETA {eta}";
        bar.set_style(
            ProgressStyle::with_template(style)
                .expect("the template is a constant that parses")
                .progress_chars("=> "),
        );
        bar.set_prefix(label.to_string());
        bar.set_position(done);
        bar.reset_eta();
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self { bar }
    }

    /// Moves the bar.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Text beside the bar.
    pub fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// A line that stays; shown on a terminal or not.
    pub fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            crate::log!("{text}");
        } else {
            self.bar.println(text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
