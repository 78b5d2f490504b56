//! The command line: one file per subcommand.

pub mod bench;
pub mod verify;

/// How results are printed on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables for a reader.
    #[default]
    Human,
    /// One line a result.
    Short,
    /// One JSON document.
    Json,
}
