//! The digest of a checkpoint: SHA-256 over every byte of the file, with zeros where it stands itself.

use sha2::{Digest, Sha256};

/// Digits of a digest, in hexadecimal.
pub const DIGITS: usize = 64;
/// What stands before the digest in the file: a key of the JSON that is a text of the file's header.
const KEY: &[u8] = br#"\"digest\":\""#;

/// What stands in a header before it is sealed.
pub fn blank() -> String {
    "0".repeat(DIGITS)
}

/// SHA-256 of `bytes`, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes))
}

/// A digest's text.
pub fn hexadecimal(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes the digest of the file `bytes` into its header; `false` where it has no place for one.
pub fn seal(bytes: &mut [u8]) -> bool {
    let Some(at) = place(bytes) else {
        return false;
    };
    let digest = around(bytes, at);
    bytes[at..at + DIGITS].copy_from_slice(digest.as_bytes());
    true
}

/// Whether the file `bytes` is as it was sealed; `None` where it has no digest.
pub fn holds(bytes: &[u8]) -> Option<bool> {
    let at = place(bytes)?;
    Some(around(bytes, at).as_bytes() == &bytes[at..at + DIGITS])
}

/// Where the digest stands.
fn place(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let header = bytes.get(..end)?;
    let at = header.windows(KEY.len()).position(|w| w == KEY)? + KEY.len();
    header.get(at..at.checked_add(DIGITS)?).map(|_| at)
}

fn around(bytes: &[u8], at: usize) -> String {
    let mut sha = Sha256::new();
    sha.update(&bytes[..at]);
    sha.update(blank());
    sha.update(&bytes[at + DIGITS..]);
    hexadecimal(sha.finalize())
}
