//! Damage to text: numbers, words, lines, depth, and characters that do not belong there.

use crate::bytes;
use crate::draws::Draws;

/// Numbers that somebody may write.
const NUMBERS: [&str; 30] = [
    "0",
    "-1",
    "1",
    "-0.0",
    "0.5",
    "1e308",
    "-1e308",
    "1e-320",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "NaN",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "-9223372036854775808",
    "1e12",
    "1000000",
    "1000000000",
    "0x10",
    "1_000",
    "1e39",
    "3.4028235e38",
    "007",
    "1.",
    "99999999999999999999999999",
    "2e3",
];

/// What stands where something else is wanted.
const VALUES: [&str; 14] = [
    "true",
    "false",
    "null",
    "\"\"",
    "\"text\"",
    "[]",
    "{}",
    "[1, 2]",
    "[[1], [2]]",
    "\"nan\"",
    "'",
    "\"",
    "none",
    "\"../../etc/passwd\"",
];

/// Characters that break what takes text for ASCII, or for text.
const ODD: [&[u8]; 12] = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "é".as_bytes(),
    "🤖".as_bytes(),
    b"\r",
    b"\n\n\n",
    b"\t",
    b"\\",
];

/// What opens something that nobody closes.
const OPENERS: [&str; 10] = [
    "[",
    "{",
    "(",
    "<body>",
    "<default>",
    "{\"a\":",
    "a = {b = ",
    "[[a]]\n",
    "<!--",
    "\"\"\"",
];

/// Damages `file` once; `other` is a sound file of the same format.
pub fn mutate(file: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    let tokens = tokens(file);
    if tokens.is_empty() {
        return bytes::mutate(file, other, draws);
    }
    let numbers: Vec<_> = tokens
        .iter()
        .filter(|t| file[t.0].is_ascii_digit())
        .copied()
        .collect();
    let (from, to) = *draws.pick(&tokens);
    match draws.below(16) {
        0..=4 if !numbers.is_empty() => {
            let (from, to) = *draws.pick(&numbers);
            let number = *draws.pick(&NUMBERS);
            file.splice(from..to, number.bytes());
        }
        5 => {
            let value = *draws.pick(&VALUES);
            file.splice(from..to, value.bytes());
        }
        6 => {
            let (a, b) = *draws.pick(&tokens);
            let word = file[a..b].to_vec();
            file.splice(from..to, word);
        }
        7 => drop(file.drain(from..to)),
        8..=10 => lines(file, draws),
        11 => {
            let odd = *draws.pick(&ODD);
            file.splice(from..from, odd.iter().copied());
        }
        12 if draws.once_in(4) => {
            let (opener, times) = (*draws.pick(&OPENERS), draws.length(30_000));
            file.splice(from..from, opener.repeat(times).into_bytes());
        }
        12 => {
            let letter = *draws.pick(b"a9 -.");
            let times = draws.length(20_000);
            file.splice(from..from, std::iter::repeat_n(letter, times));
        }
        13 => {
            // A number with a sign or a fraction, a word with a letter more.
            let more = *draws.pick(&["-", "0", ".5", "e9", "s", "_", " ", "#"]);
            file.splice(from..from, more.bytes());
        }
        _ => bytes::mutate(file, other, draws),
    }
}

/// A line lost, said twice or many times, or at another place.
fn lines(file: &mut Vec<u8>, draws: &mut Draws) {
    let mut all: Vec<Vec<u8>> = file
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (a, b) = (draws.below(all.len()), draws.below(all.len()));
    match draws.below(5) {
        0 => drop(all.remove(a)),
        1 => all.insert(b, all[a].clone()),
        2 => all.swap(a, b),
        3 => {
            let times = draws.length(300);
            let line = all[a].clone();
            all.splice(a..a, std::iter::repeat_n(line, times));
        }
        _ => drop(all.drain(a.min(b)..=a.max(b))),
    }
    *file = all.concat();
}

/// Ranges of words, numbers and single signs.
fn tokens(file: &[u8]) -> Vec<(usize, usize)> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b >= 0x80;
    let mut all = Vec::new();
    let mut from = 0;
    while from < file.len() {
        let mut to = from + 1;
        if word(file[from]) {
            while to < file.len() && word(file[to]) {
                to += 1;
            }
        }
        if !file[from].is_ascii_whitespace() {
            all.push((from, to));
        }
        from = to;
    }
    all
}
