//! The flags that say which gaps the environments of a command have.

use serde::{Deserialize, Serialize};

use crate::env::Task;
use crate::error::Result;
use crate::model::Domain;

/// One gap, several, or strengths to be drawn.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub struct DomainFlags {
    /// What differs from the task: `gravity=1.5`; several in turn, `none/gravity`; drawn,
    /// `gravity=0.5..2.0`; or a TOML file of distributions
    #[arg(long, default_value = "none")]
    pub(super) gap: String,
    /// Parameter rows into which strengths are drawn (default: the file's, or 1024; at most one an
    /// environment unless they are redrawn)
    #[arg(long, value_name = "N")]
    gap_rows: Option<usize>,
    /// Draw an environment's parameters anew at every reset
    #[arg(long)]
    gap_redraw: bool,
}

impl DomainFlags {
    /// The domain that they name.
    ///
    /// # Errors
    /// As [`Task::domain`] and [`Domain::with`].
    pub fn domain(&self, task: &Task) -> Result<Domain> {
        task.domain(&self.gap)?.with(self.gap_rows, self.gap_redraw)
    }
}
