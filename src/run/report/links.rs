//! Links from a report to the folders of its runs.

use std::path::{Component, Path, PathBuf};

/// Makes links that hold as long as report and runs keep their places beside each other.
#[derive(Clone, Debug)]
pub struct Links {
    /// The report's folder, whole.
    from: PathBuf,
}

impl Links {
    /// Links of a report in `folder`, which is there.
    pub fn from(folder: &Path) -> Self {
        Self {
            from: whole(folder),
        }
    }

    /// The address of the file `path`, relative to the report.
    pub fn to_file(&self, path: &Path) -> String {
        let address = self.to(path);
        address.trim_end_matches('/').to_owned()
    }

    /// The address of `folder`, relative to the report.
    pub fn to(&self, folder: &Path) -> String {
        let to = whole(folder);
        let (from, to): (Vec<_>, Vec<_>) =
            (self.from.components().collect(), to.components().collect());
        let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let up = from[shared..].iter().map(|_| "..".to_owned());
        let down = to[shared..].iter().map(|part| encoded(*part));
        let parts: Vec<String> = up.chain(down).collect();
        match parts.is_empty() {
            true => "./".into(),
            false => parts.join("/") + "/",
        }
    }
}

/// `path` from the root on, without links.
fn whole(path: &Path) -> PathBuf {
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    whole.unwrap_or_else(|_| path.to_path_buf())
}

/// A part of a path as a part of an address.
fn encoded(part: Component<'_>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = part.as_os_str().as_encoded_bytes().iter();
    let text = bytes.map(|byte| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    text.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_encoded() {
        let links = Links {
            from: PathBuf::from("/a/b/report"),
        };
        assert_eq!(
            links.to(Path::new("/a/b/runs/x y__gravity=2")),
            "../runs/x%20y__gravity%3D2/"
        );
        assert_eq!(links.to(Path::new("/c")), "../../../c/");
        assert_eq!(links.to_file(Path::new("/a/b/p.html")), "../p.html");
        assert_eq!(links.to(Path::new("/a/b/report")), "./");
    }
}
