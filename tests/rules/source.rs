//! The sources as the rules read them.

use std::path::Path;

/// A file of the repository: its path from the top, and what it holds.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// A made-up file, to break a rule with.
    pub fn of(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Its name without folders and ending.
    pub fn stem(&self) -> &str {
        let path = Path::new(&self.path);
        path.file_stem().and_then(|s| s.to_str()).unwrap()
    }
}

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of the file at `path`.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every file under `folder` whose name ends with `.ending`, by path. Links are not followed.
pub fn files(folder: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.ends_with(&format!(".{ending}")) {
                let text = read(&path);
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Rust, taken apart.
pub struct Rust {
    /// Without comments; texts are empty.
    pub code: String,
    /// The texts, with their lines.
    pub texts: Vec<(usize, String)>,
}

impl Rust {
    /// Takes `source` apart. Lines keep their numbers.
    pub fn of(source: &str) -> Self {
        let all: Vec<char> = source.chars().collect();
        let (mut code, mut texts) = (String::new(), Vec::new());
        let (mut at, mut line) = (0, 1);
        while at < all.len() {
            let rest = &all[at..];
            let (len, text) = if rest.starts_with(&['/', '/']) {
                (
                    rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
                    None,
                )
            } else if rest.starts_with(&['/', '*']) {
                (comment(rest), None)
            } else if let Some(hashes) = raw(rest, code.chars().last()) {
                let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
                let from = hashes + 2;
                let len = rest[from..].windows(end.len()).position(|w| w == end);
                let to = from + len.expect("a raw text ends");
                (to + end.len(), Some(&rest[from..to]))
            } else if rest[0] == '"' {
                let len = quoted(rest, '"');
                (len, Some(&rest[1..len - 1]))
            } else if rest[0] == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\''))
            {
                (quoted(rest, '\''), None)
            } else {
                code.push(rest[0]);
                line += usize::from(rest[0] == '\n');
                at += 1;
                continue;
            };
            if let Some(text) = text {
                code.push_str("\"\"");
                texts.push((line, text.iter().collect()));
            }
            let breaks = rest[..len].iter().filter(|c| **c == '\n').count();
            code.push_str(&"\n".repeat(breaks));
            line += breaks;
            at += len;
        }
        Self { code, texts }
    }
}

/// Letters of the comment that begins here; comments nest.
fn comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = match rest[at..] {
            ['/', '*', ..] => 1,
            ['*', '/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The hashes of the raw text that begins here, if one does.
fn raw(rest: &[char], before: Option<char>) -> Option<usize> {
    let inside = before.is_some_and(|c| c.is_alphanumeric() && c != 'b' || c == '_');
    let hashes = rest.get(1..)?.iter().take_while(|c| **c == '#').count();
    (!inside && rest[0] == 'r' && rest.get(1 + hashes) == Some(&'"')).then_some(hashes)
}

/// Letters of the text or letter in `quote`s that begins here.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// `source` up to its own tests, which stand last.
pub fn without_tests(source: &str) -> &str {
    let tests = ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(test)]\nmod test {"];
    let end = tests.iter().filter_map(|tests| source.find(tests)).min();
    &source[..end.unwrap_or(source.len())]
}

#[test]
fn rust_is_taken_apart() {
    let source = "a /* b /* \" */ c */ d \"e // f \\\" g\" 'h' '\"' '\\'' <'i> r#\"j \" k\"# // l \"m\"\nn br\"o\" str\"p\"\n";
    let rust = Rust::of(source);
    assert_eq!(rust.code, "a  d \"\"    <'i> \"\" \nn b\"\" str\"\"\n");
    let texts: Vec<_> = rust
        .texts
        .iter()
        .map(|(line, text)| (*line, text.as_str()))
        .collect();
    assert_eq!(
        texts,
        [(1, "e // f \\\" g"), (1, "j \" k"), (2, "o"), (2, "p")]
    );
    let tests = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(without_tests(tests), "fn a() {}\n");
}
