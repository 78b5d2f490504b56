//! The parent's side: gives cases to children, watches them, and tells what came of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::Options;
use crate::formats::ALL;
use crate::{seeds, worker};

/// How long a case may take. Sound ones take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Cases that a child is given at once.
const PORTION: u64 = 100;

/// Kinds of faults of a format that are shown.
const SHOWN: usize = 12;

/// Cases from which on a format must show variety.
const ENOUGH: u64 = 100;

/// What came of a format's cases.
#[derive(Default)]
struct Tally {
    accepted: u64,
    /// Mutations that left the file as it was.
    same: u64,
    refused: u64,
    kinds: BTreeSet<String>,
    /// By number.
    faults: BTreeMap<u64, String>,
}

impl Tally {
    fn count(&mut self, case: u64, outcome: &str) {
        let (word, said) = outcome.split_once('\t').unwrap_or((outcome, ""));
        match word {
            "accepted" => self.accepted += 1,
            "same" => self.same += 1,
            "refused" => {
                self.refused += 1;
                self.kinds.insert(said.to_owned());
            }
            _ => drop(self.faults.insert(case, said.to_owned())),
        }
    }
}

/// Cases `first..end` of a format.
struct Portion {
    format: usize,
    first: u64,
    end: u64,
}

/// Runs what `options` ask for; failure where a fault was found, or the mutations say nothing.
pub fn run(options: &Options) -> ExitCode {
    let begun = Instant::now();
    let shared = Path::new("/dev/shm");
    let folder = match shared.is_dir() {
        // Nothing of this has to survive: a disk would only be waited for.
        true => tempfile::tempdir_in(shared),
        false => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder for temporary files");
    seeds::make(folder.path());
    if let Some(case) = options.case {
        return once(options, case, folder.keep().as_path());
    }
    let formats: Vec<usize> = (0..ALL.len())
        .filter(|n| {
            options
                .only
                .as_deref()
                .is_none_or(|only| ALL[*n].name == only)
        })
        .collect();
    let each = options.cases.div_ceil(formats.len() as u64);
    let portions = formats.iter().flat_map(|&format| {
        let first = (0..each).step_by(PORTION as usize);
        first.map(move |first| Portion {
            format,
            first,
            end: (first + PORTION).min(each),
        })
    });
    let queue = Mutex::new(portions.collect::<VecDeque<_>>());
    let tallies: Vec<Mutex<Tally>> = ALL.iter().map(|_| Mutex::default()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for n in 0..cores {
            let (queue, tallies, root) = (&queue, &tallies, folder.path());
            scope.spawn(move || {
                let work = root.join(format!("work-{n}"));
                while let Some(portion) = { queue.lock().expect("no panic holds it").pop_front() } {
                    let tally = |case, outcome: &str| {
                        tallies[portion.format]
                            .lock()
                            .expect("as above")
                            .count(case, outcome)
                    };
                    work_off(&portion, options.seed, root, &work, tally);
                }
            });
        }
    });
    let tallies: Vec<Tally> = tallies
        .into_iter()
        .map(|t| t.into_inner().expect("as above"))
        .collect();
    let mut sound = true;
    for &format in &formats {
        sound &= told(format, &tallies[format], options.seed);
    }
    println!(
        "{} mutated files, seed {}, {:.0} s",
        each * formats.len() as u64,
        options.seed,
        begun.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(!sound))
}

/// Prints a format's line and its faults; whether all is well.
fn told(format: usize, tally: &Tally, seed: u64) -> bool {
    let all = tally.accepted + tally.same + tally.refused + tally.faults.len() as u64;
    let share = |n: u64| 100.0 * n as f64 / all.max(1) as f64;
    println!(
        "{:<11} {all:>6} files: {:>5.1} % accepted, {:>5.1} % refused in {} ways, {} faults",
        ALL[format].name,
        share(tally.accepted + tally.same),
        share(tally.refused),
        tally.kinds.len(),
        tally.faults.len(),
    );
    // Each kind of fault once, the most frequent first.
    let mut kinds: BTreeMap<String, Vec<(&u64, &String)>> = BTreeMap::new();
    for one in &tally.faults {
        kinds.entry(worker::kind(one.1)).or_default().push(one);
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|faults| std::cmp::Reverse(faults.len()));
    for faults in kinds.iter().take(SHOWN) {
        let (times, (case, fault)) = (faults.len(), faults[0]);
        println!(
            "  {times} × H2OPLUS_FUZZ_SEED={seed} H2OPLUS_FUZZ_ONLY={} H2OPLUS_FUZZ_CASE={case}: {fault}",
            ALL[format].name
        );
    }
    // Were all refused at the door, or none, the mutations would test nothing.
    let varied = all < ENOUGH
        || tally.accepted > 0 && tally.refused > 0 && tally.kinds.len() > 3 && tally.same < all / 2;
    if !varied {
        println!("  the mutations do not reach what they should");
    }
    varied && tally.faults.is_empty()
}

fn child(arguments: &[String], stderr: Stdio) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg(worker::FLAG).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr);
    command.spawn().expect("a child")
}

fn arguments(portion: &Portion, seed: u64, root: &Path, work: &Path) -> Vec<String> {
    let numbers = [portion.format as u64, seed, portion.first, portion.end];
    let paths = [root, work].map(|path| seeds::text(path).to_owned());
    numbers.iter().map(u64::to_string).chain(paths).collect()
}

/// Has a portion done, by as many children as it takes.
fn work_off(portion: &Portion, seed: u64, root: &Path, work: &Path, tally: impl Fn(u64, &str)) {
    let mut rest = Portion { ..*portion };
    while rest.first < rest.end {
        let mut child = child(&arguments(&rest, seed, root, work), Stdio::null());
        let lines = lines_of(&mut child);
        let mut open = None;
        let ended = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => match open.take() {
                    None => open = line.parse::<u64>().ok(),
                    Some(case) => {
                        tally(case, &line);
                        rest.first = case + 1;
                    }
                },
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {
                    break Some(format!("fault\thang: more than {PATIENCE:?}"));
                }
            }
        };
        // A child that has ended by itself cannot be killed, and need not.
        let _ = child.kill();
        let status = child.wait().expect("a child's end");
        if let Some(case) = open {
            tally(
                case,
                &ended.unwrap_or_else(|| format!("fault\tdied: {status}")),
            );
            rest.first = case + 1;
        } else if !status.success() && rest.first < rest.end {
            tally(
                rest.first,
                &format!("fault\tdied between two cases: {status}"),
            );
            rest.first += 1;
        }
    }
}

/// The marked lines of a child, from a thread that reads them.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let out = child.stdout.take().expect("piped");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // The program may print what is no text.
        for line in BufReader::new(out)
            .split(b'\n')
            .map_while(std::io::Result::ok)
        {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(marked) = line.strip_prefix(worker::MARK)
                && sender.send(marked.to_owned()).is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// One case again, with all that it says.
fn once(options: &Options, case: u64, root: &Path) -> ExitCode {
    let format = ALL
        .iter()
        .position(|f| options.only.as_deref() == Some(f.name))
        .expect("checked before");
    let portion = Portion {
        format,
        first: case,
        end: case + 1,
    };
    let mut arguments = arguments(&portion, options.seed, root, root);
    arguments.push("tell".into());
    let output = child(&arguments, Stdio::inherit())
        .wait_with_output()
        .expect("a child's end");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", output.status);
    ExitCode::from(u8::from(!output.status.success()))
}
