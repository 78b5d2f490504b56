//! Damaged and strange files, by the thousand: every format that the program reads, mutated, must end in a result or in
//! one message of place, problem and help; never in a panic, an abort, a hang, or memory beyond the file's worth.
//!
//! ```sh
//! cargo test --test fuzz                                        # a few thousand, as among all tests
//! H2OPLUS_FUZZ=100000 cargo test --release --test fuzz          # as many as you like, shared among the formats
//! H2OPLUS_FUZZ_ONLY=checkpoint H2OPLUS_FUZZ_CASE=17 cargo test --test fuzz     # one of them again, told in full
//! ```
//!
//! A case is a function of (`H2OPLUS_FUZZ_SEED`, format, number) alone. Cases run in child processes, so that a death is
//! a finding, and not the end.

mod bytes;
mod columns;
mod draws;
mod formats;
mod hunt;
mod memory;
mod seeds;
mod tensors;
mod text;
mod worker;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Cases that run among all tests.
const FEW: u64 = 3300;

/// What the environment asks for.
struct Options {
    /// Cases over all formats.
    cases: u64,
    seed: u64,
    /// One format alone.
    only: Option<String>,
    /// One case alone.
    case: Option<u64>,
}

impl Options {
    fn from_environment() -> Result<Self, String> {
        let number = |name: &str| -> Result<Option<u64>, String> {
            let text = std::env::var(name).ok();
            let number = text.map(|text| text.parse().map_err(|e| format!("{name}={text}: {e}")));
            number.transpose()
        };
        let options = Self {
            cases: number("H2OPLUS_FUZZ")?.unwrap_or(FEW),
            seed: number("H2OPLUS_FUZZ_SEED")?.unwrap_or(0),
            only: std::env::var("H2OPLUS_FUZZ_ONLY").ok(),
            case: number("H2OPLUS_FUZZ_CASE")?,
        };
        let known = |name: &String| formats::ALL.iter().any(|f| f.name == name);
        match &options.only {
            Some(name) if !known(name) => {
                let names = formats::ALL.each_ref().map(|f| f.name).join(", ");
                Err(format!("H2OPLUS_FUZZ_ONLY={name}: formats are {names}"))
            }
            None if options.case.is_some() => {
                Err("H2OPLUS_FUZZ_CASE: say whose with H2OPLUS_FUZZ_ONLY".into())
            }
            _ => Ok(options),
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == worker::FLAG) {
        return worker::run(&args[1..]);
    }
    // Whoever lists or chooses tests by name means another test.
    if args.iter().any(|arg| arg == "--list") || args.iter().any(|a| !a.starts_with('-')) {
        return ExitCode::SUCCESS;
    }
    match Options::from_environment() {
        Ok(options) => hunt::run(&options),
        Err(problem) => {
            h2oplus::log!("error: {problem}");
            ExitCode::from(2)
        }
    }
}
