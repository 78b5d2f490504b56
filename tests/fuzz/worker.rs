//! The child's side: runs cases one after the other, and says on stdout where it is.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use h2oplus::error::Error;

use crate::draws::Draws;
use crate::formats::{self, Format};
use crate::memory;

/// The argument that makes a child of this program.
pub const FLAG: &str = "--fuzz-cases";

/// Begins the lines that are for the parent; what the program itself prints is not.
pub const MARK: char = '\u{1}';

/// Words of a library, or of its insides, in which no user should be spoken to.
const JARGON: [&str; 22] = [
    "unwrap",
    "panick",
    "called `Option",
    "called `Result",
    "Some(",
    "Ok(",
    "Err(",
    "dtype mismatch",
    "slice-set",
    "rank:",
    "backtrace",
    "serde",
    "candle",
    "usize",
    "u64",
    "i64",
    "i128",
    "f64",
    "capacity overflow",
    "out of bounds",
    "gave up",
    "did not contain valid",
];

/// Letters of the longest message.
const LONGEST: usize = 2500;

/// `format seed first end root work [keep]`: cases `first..end` of format number `format`.
pub fn run(args: &[String]) -> ExitCode {
    let number = |n: usize| args[n].parse::<u64>().expect("a number");
    let (format, seed) = (number(0) as usize, number(1));
    let (root, work) = (Path::new(&args[4]), Path::new(&args[5]));
    // Every child has a core of its own.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1);
    threads.build_global().expect("no pool before this");
    let tell = args.len() > 6;
    if !tell {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let seeds = Seeds::read(&root.join(formats::ALL[format].seeds));
    for case in number(2)..number(3) {
        println!("{MARK}{case}");
        let mut draws = Draws::new(seed, format, case);
        println!(
            "{MARK}{}",
            outcome(&formats::ALL[format], &seeds, work, &mut draws, tell)
        );
    }
    ExitCode::SUCCESS
}

/// Variants of a format's sound files: each a list of names and contents.
struct Seeds(Vec<Vec<(PathBuf, Vec<u8>)>>);

impl Seeds {
    fn read(folder: &Path) -> Self {
        let mut variants: Vec<_> = fs::read_dir(folder)
            .expect("sound files")
            .map(|entry| entry.expect("readable").path())
            .collect();
        variants.sort();
        let files = |variant: &PathBuf| {
            let mut files = Vec::new();
            collect(variant, variant, &mut files);
            files.sort();
            files
        };
        Self(variants.iter().map(files).collect())
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("inside").to_path_buf();
            files.push((name, fs::read(&path).expect("readable")));
        }
    }
}

/// What came of a case, as the parent takes it: a word, and a tab before what is to be said of it.
fn outcome(format: &Format, seeds: &Seeds, work: &Path, draws: &mut Draws, tell: bool) -> String {
    let mut files = draws.pick(&seeds.0).clone();
    let is_target = |name: &Path| {
        format
            .targets
            .iter()
            .any(|end| name.to_string_lossy().ends_with(end))
    };
    let targets: Vec<usize> = (0..files.len())
        .filter(|&n| is_target(&files[n].0))
        .collect();
    let target = *draws.pick(&targets);
    let name = files[target].0.clone();
    let sound = files[target].1.clone();
    let alike = |files: &Vec<(PathBuf, Vec<u8>)>| {
        files
            .iter()
            .find(|(other, _)| other.file_name() == name.file_name())
            .map(|(_, bytes)| bytes.clone())
    };
    let other = alike(draws.pick(&seeds.0)).unwrap_or_else(|| sound.clone());
    let times = [1, 1, 1, 2, 3][draws.below(5)];
    for _ in 0..times {
        (format.mutate)(&mut files[target].1, &other, draws);
    }
    let bytes = files[target].1.len();
    let changed = files[target].1 != sound;
    let folder = work.join("case");
    // A folder that is there no more is as good as one that was removed.
    let _ = fs::remove_dir_all(&folder);
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::write(path, bytes).expect("written");
    }
    if tell {
        println!(
            "{} of {bytes} bytes, mutated {times} times, lies in {}",
            name.display(),
            folder.display()
        );
    }
    let read = || catch_unwind(AssertUnwindSafe(|| (format.read)(&folder)));
    let (result, peak) = memory::measured(read);
    let allowed = memory::allowed(bytes.max(sound.len()));
    match result {
        Err(panic) => format!("fault\tpanic: {}", said(panic.as_ref())),
        Ok(_) if peak > allowed => {
            format!(
                "fault\tmemory: {} MiB for a file of {bytes} bytes",
                peak >> 20
            )
        }
        Ok(Ok(())) if !changed => "same".into(),
        Ok(Ok(())) => "accepted".into(),
        Ok(Err(error)) => judged(&error, format, &name, &folder),
    }
}

fn said(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without words").replace(['\n', '\t'], " ")
}

/// Whether a message is one that helps: place, problem and help, in plain words, and no longer than a reader bears.
fn judged(error: &Error, format: &Format, file: &Path, folder: &Path) -> String {
    let text = error.to_string();
    let shown: String = text.replace(['\n', '\t'], " ").chars().take(400).collect();
    let fault = |what: &str| format!("fault\t{what}: {shown}");
    let Some((head, help)) = text.split_once("\n  ") else {
        return fault("no help");
    };
    let (path, name) = (
        folder.to_string_lossy(),
        file.file_name().unwrap_or_default(),
    );
    let own = head.replace(&*path, "");
    if let Some(word) = JARGON
        .iter()
        .find(|word| own.contains(**word) || help.contains(**word))
    {
        return fault(&format!("jargon `{word}`"));
    }
    if text.chars().count() > LONGEST {
        return fault("an endless message");
    }
    // What a file holds must not command the terminal.
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return fault("control characters");
    }
    let root = folder
        .ancestors()
        .nth(2)
        .unwrap_or(folder)
        .to_string_lossy();
    let named = head.contains(&*root) || head.contains(&*name.to_string_lossy());
    let told = help
        .split_once(": ")
        .is_some_and(|(_, help)| !help.trim().is_empty());
    if format.named && !named || !head.contains(": ") || !told {
        return fault("no place");
    }
    let problem = own.split_once(": ").map_or(&*own, |(_, problem)| problem);
    format!("refused\t{}", kind(problem))
}

/// What kind of message it is: its words, without numbers and what it quotes of the file.
pub fn kind(text: &str) -> String {
    let mut quoted = false;
    let plain = text.chars().filter(|c| {
        quoted ^= *c == '`';
        !quoted && (c.is_ascii_alphabetic() || *c == ' ')
    });
    let plain: String = plain.collect();
    let words: Vec<&str> = plain.split_whitespace().take(12).collect();
    words.join(" ")
}
