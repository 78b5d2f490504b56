//! The one error type: every message names the place, the problem and the help.

use std::path::{Path, PathBuf};

use crate::words;

/// What can go wrong. The command line prints it as one message and exits with code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input that the user can put right: a file, a flag, a setting.
    #[error("{place}: {problem}\n  help: {help}")]
    Input {
        /// Path, path:line, or flag.
        place: String,
        /// What is wrong there.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The operating system refused a read or a write.
    #[error("{}: {}\n  help: {}", words::shown(&path.display().to_string()), why(source).0, why(source).1)]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the system said.
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

/// What the system's refusal means, and what to do about it.
fn why(error: &std::io::Error) -> (String, &'static str) {
    use std::io::ErrorKind as Kind;
    let (problem, help) = match error.kind() {
        Kind::NotFound => (
            "no such file or folder",
            "check the name, and the folder that it is looked for in",
        ),
        Kind::PermissionDenied => (
            "permission denied",
            "let this user read and write there (chmod, chown), or name another place",
        ),
        Kind::StorageFull | Kind::QuotaExceeded => (
            "the disk is full",
            "make room there, or name a folder on another disk",
        ),
        Kind::ReadOnlyFilesystem => (
            "the disk is read-only",
            "name a folder that can be written to",
        ),
        Kind::FileTooLarge => (
            "the file would be larger than allowed here",
            "raise the limit (ulimit -f), or name another disk",
        ),
        Kind::IsADirectory => ("is a folder", "name a file"),
        Kind::NotADirectory => (
            "a part of the path is a file, not a folder",
            "name another place, or move that file away",
        ),
        Kind::AlreadyExists => ("is already there", "name another place, or move it away"),
        Kind::InvalidFilename => ("the name is too long", "give a shorter name"),
        Kind::OutOfMemory => (
            "does not fit into memory",
            "close other programs, or give less",
        ),
        Kind::BrokenPipe => ("its reader has gone away", "keep the reader until the end"),
        _ if too_many_open(error) => (
            "too many files are open",
            "raise the limit of open files (ulimit -n)",
        ),
        _ => {
            let text = error.to_string();
            let said = text.split(" (os error").next().unwrap_or(&text);
            return (said.to_owned(), "try again, or name another place");
        }
    };
    (problem.to_owned(), help)
}

/// Whether the process or the system has run out of open files.
fn too_many_open(error: &std::io::Error) -> bool {
    // EMFILE and ENFILE have the same numbers on every Unix; the standard library has no kind for them.
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
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
    pub fn input(place: impl ToString, problem: impl ToString, help: impl ToString) -> Self {
        Self::Input {
            place: words::shown(&place.to_string()),
            problem: words::plain(&problem.to_string()),
            help: words::shown(&help.to_string()),
        }
    }

    /// The same, said of `file`: what is wrong in it has been found by someone who does not know its name.
    pub fn within(self, file: impl std::fmt::Display) -> Self {
        match self {
            Self::Input {
                place,
                problem,
                help,
            } if !place.contains(&file.to_string()) => {
                Self::input(format!("{file}: {place}"), problem, help)
            }
            other => other,
        }
    }

    /// The same error at another `place`.
    pub fn of(self, place: &str) -> Self {
        match self {
            Self::Input { problem, help, .. } => Self::input(place, problem, help),
            other => other,
        }
    }

    /// Adapter for `map_err`: an I/O error at `path`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_system_name_place_problem_and_mend() {
        for (code, problem) in [
            (2, "no such file"),
            (13, "permission denied"),
            (28, "disk is full"),
            (24, "too many files"),
            (36, "too long"),
            (5, ""),
        ] {
            let error = Error::io("there")(std::io::Error::from_raw_os_error(code)).to_string();
            assert!(error.starts_with("there: "), "{error}");
            assert!(
                cfg!(not(target_os = "linux")) || error.contains(problem),
                "{error}"
            );
            assert!(error.contains("\n  help: "), "{error}");
            assert!(!error.contains("os error"), "{error}");
        }
    }
}
