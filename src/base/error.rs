//! The one error type: every message names the place, the problem and the mend.

use std::path::{Path, PathBuf};

use crate::words;

/// What can go wrong. The command line prints it as one message and exits with code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input that the user can mend: a file, a flag, a setting.
    #[error("{place}: {problem}\n  mend: {mend}")]
    Input {
        /// Path, path:line, or flag.
        place: String,
        /// What is wrong there.
        problem: String,
        /// What to do about it.
        mend: String,
    },
    /// The operating system refused a read or a write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A tensor operation failed, on the learner's side. Its backtrace is for `{:?}`; a message is one line.
    #[cfg(feature = "candle")]
    #[error("{}", brief(.0))]
    Tensor(#[from] candle_core::Error),
    /// The user pressed Ctrl-C; what was done so far is saved.
    #[error("stopped")]
    Stopped,
}

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The message under whatever context and backtrace candle has wrapped around it.
#[cfg(feature = "candle")]
fn brief(error: &candle_core::Error) -> String {
    use candle_core::Error::{Context, WithBacktrace, WithPath};
    match error {
        WithBacktrace { inner, .. } => brief(inner),
        WithPath { inner, path } => format!("{}: {}", path.display(), brief(inner)),
        Context { inner, context } => format!("{context}: {}", brief(inner)),
        other => other.to_string(),
    }
}

/// Refuses a number that must be above 0, and gives back one that is.
pub fn above_zero(place: impl ToString, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    let problem = format!("is {value}");
    Err(Error::input(place, problem, "give a number above 0"))
}

impl Error {
    /// Shorthand for [`Error::Input`].
    pub fn input(place: impl ToString, problem: impl ToString, mend: impl ToString) -> Self {
        Self::Input {
            place: words::shown(&place.to_string()),
            problem: words::plain(&problem.to_string()),
            mend: words::shown(&mend.to_string()),
        }
    }

    /// The same, said of `file`: what is wrong in it has been found by someone who does not know its name.
    pub fn within(self, file: impl std::fmt::Display) -> Self {
        match self {
            Self::Input {
                place,
                problem,
                mend,
            } if !place.contains(&file.to_string()) => {
                Self::input(format!("{file}: {place}"), problem, mend)
            }
            other => other,
        }
    }

    /// Adapter for `map_err`: an I/O error at `path`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }
}
