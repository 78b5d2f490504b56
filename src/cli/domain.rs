//! The flags that say which gaps the environments of a command have.

use crate::env::Task;
use crate::error::Result;
use crate::model::GapSet;
use crate::range::Range;

/// One gap, several, or strengths to be drawn.
#[derive(Clone, Debug, clap::Args)]
pub struct DomainFlags {
    /// What differs from the task: `gravity=1.5`; several in turn, `none/gravity`; drawn,
    /// `gravity=0.5..2.0`; or a TOML file of distributions
    #[arg(long, default_value = "none")]
    gap: String,
    /// Parameter rows into which strengths are drawn (default: the file's, or 1024; at most one an
    /// environment unless they are redrawn)
    #[arg(long, value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    gap_rows: Option<usize>,
    /// Draw an environment's parameters anew at every reset
    #[arg(long)]
    gap_redraw: bool,
}

impl DomainFlags {
    /// The domain that they name.
    ///
    /// # Errors
    /// As [`Task::domain`] and [`GapSet::with`].
    pub fn domain(&self, task: &Task) -> Result<GapSet> {
        task.domain(&self.gap)?.with(self.gap_rows, self.gap_redraw)
    }
}
