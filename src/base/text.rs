//! Text files as users write them: bounded in size, and refused by line where they are no UTF-8.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Most bytes of a text, or of a line of records. A device that never ends is longer.
const MOST: u64 = 64 << 20;

/// Reads a text file.
///
/// # Errors
/// Where the file cannot be read, is longer than 64 MiB, or is no UTF-8: the line is named.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    file.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io(path))?;
    utf8(path, 1, within(path, bytes)?)
}

/// Reads a file of another kind: a regular one, which has an end.
///
/// # Errors
/// Where the file is a folder or a device, or cannot be read.
pub fn bytes(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let meta = std::fs::metadata(path).map_err(Error::io(path))?;
    if !meta.is_file() {
        let what = if meta.is_dir() {
            "a folder"
        } else {
            "a device"
        };
        let problem = format!("is {what} where a file is wanted");
        return Err(Error::input(path.display(), problem, "name a file"));
    }
    std::fs::read(path).map_err(Error::io(path))
}

/// `path:number`, the place of a line that is counted from 1.
pub fn place(path: &Path, number: usize) -> String {
    format!("{}:{number}", path.display())
}

/// Reads a file of one record a line.
///
/// # Errors
/// Where the file cannot be opened; those of the lines as they come.
pub fn lines(path: impl AsRef<Path>) -> Result<Lines> {
    let path = path.as_ref().to_path_buf();
    let file = File::open(&path).map_err(Error::io(&path))?;
    Ok(Lines {
        path,
        reader: BufReader::new(file),
        number: 0,
    })
}

/// A line of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// Without its end.
    pub text: String,
    /// Whether its end was there: a program that was killed may have cut its last line short.
    pub whole: bool,
}

/// The lines of a file, one after the other.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: usize,
}

impl Lines {
    fn read(&mut self) -> Result<Option<Line>> {
        let mut bytes = Vec::new();
        self.number += 1;
        (&mut self.reader)
            .take(MOST + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(Error::io(&self.path))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut bytes = within(&self.path, bytes)?;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        Ok(Some(Line {
            number: self.number,
            text: utf8(&self.path, self.number, bytes)?,
            whole,
        }))
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn within(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.len() as u64 <= MOST {
        return Ok(bytes);
    }
    Err(Error::input(
        path.display(),
        format!("is longer than {} MiB, too long for a text", MOST >> 20),
        "name the file that was meant",
    ))
}

/// The text of `bytes`, which begin in line `first`.
fn utf8(path: &Path, first: usize, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = first + sound.iter().filter(|byte| **byte == b'\n').count();
        Error::input(
            place(path, line),
            "holds bytes that are no UTF-8 text",
            "save the file as UTF-8, or name the file that was meant",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "h2oplus-text-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    #[test]
    fn the_line_of_bytes_that_are_no_text_is_named() {
        let path = file(b"a = 1\nb = 2\nc = \"h\xf6hle\"\n");
        for error in [
            read(&path).expect_err("no UTF-8"),
            lines(&path)
                .expect("opened")
                .collect::<Result<Vec<_>>>()
                .expect_err("no UTF-8"),
        ] {
            assert!(error.to_string().starts_with(&place(&path, 3)), "{error}");
        }
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn lines_say_whether_they_are_whole() {
        let path = file(b"one\n\ntwo");
        let all: Vec<Line> = lines(&path)
            .expect("opened")
            .collect::<Result<_>>()
            .expect("read");
        let short: Vec<_> = all
            .iter()
            .map(|l| (l.number, &l.text[..], l.whole))
            .collect();
        assert_eq!(short, [(1, "one", true), (2, "", true), (3, "two", false)]);
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_without_an_end_is_refused() {
        for error in [
            read("/dev/zero").expect_err("endless").to_string(),
            lines("/dev/zero")
                .expect("opened")
                .next()
                .expect("a line")
                .expect_err("endless")
                .to_string(),
            bytes("/dev/zero").expect_err("endless").to_string(),
            bytes("/").expect_err("a folder").to_string(),
        ] {
            assert!(error.contains("help: name"), "{error}");
        }
    }
}
