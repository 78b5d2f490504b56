//! TensorBoard event files: scalars only.
//!
//! A file is a row of TFRecords (length, masked CRC-32C, payload, masked CRC-32C); a payload is a
//! protocol-buffer `Event` (tensorflow/core/util/event.proto), of which three shapes occur here, so
//! that they are written by hand.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// Bytes that are kept before they are handed to the operating system.
const KEPT: usize = 32 << 10;

/// Writes scalars that TensorBoard shows. Its file is open only while bytes are written: a population may have more
/// members than a process may have open files.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    kept: Vec<u8>,
}

impl EventWriter {
    /// Start a new event file in `dir`, which is made if need be. Older files there stay.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(dir: impl AsRef<Path>) -> Result<Self> {
        // TensorBoard reads the files of a folder in the order of their names: the time comes first,
        // and a counter keeps two of one second apart.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let (seconds, process) = (wall_time() as u64, std::process::id());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!(
            "events.out.tfevents.{seconds:010}.h2oplus.{process}.{count}"
        ));
        File::create_new(&path).map_err(Error::io(&path))?;
        let kept = Vec::new();
        let mut writer = Self { path, kept };
        let mut version = Message::default();
        version.bytes(3, b"brain.Event:2");
        writer.event(0, version)?;
        Ok(writer)
    }

    /// Start a new event file for a run that goes on from `step`: what older files hold from that
    /// step on is hidden.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resume(dir: impl AsRef<Path>, step: u64) -> Result<Self> {
        let mut writer = Self::create(dir)?;
        let mut session = Message::default();
        session.integer(1, 1); // SessionLog.status = START
        let mut event = Message::default();
        event.bytes(7, &session.0);
        writer.event(step, event)?;
        Ok(writer)
    }

    /// Record `value` under `tag` at `step`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn scalar(&mut self, tag: &str, value: f32, step: u64) -> Result<()> {
        let mut point = Message::default();
        point.bytes(1, tag.as_bytes());
        point.float(2, value);
        let mut summary = Message::default();
        summary.bytes(1, &point.0);
        let mut event = Message::default();
        event.bytes(5, &summary.0);
        self.event(step, event)
    }

    /// Hand everything to the operating system.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let file = File::options().append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(&self.kept))
            .map_err(Error::io(&self.path))?;
        self.kept.clear();
        Ok(())
    }

    fn event(&mut self, step: u64, what: Message) -> Result<()> {
        let mut event = Message::default();
        event.double(1, wall_time());
        event.integer(2, step);
        event.0.extend(what.0);

        let payload = event.0;
        let length = (payload.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&payload);
        record.extend(masked_crc(&payload).to_le_bytes());
        self.kept.extend(record);
        match self.kept.len() < KEPT {
            true => Ok(()),
            false => self.flush(),
        }
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        // Those who must know of a failure have flushed before.
        let _ = self.flush();
    }
}

fn wall_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

/// A protocol-buffer message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint((field << 3) | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint((field << 3) | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.varint((field << 3) | 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// CRC-32C (Castagnoli, reflected), bit by bit: an event is a few dozen bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78)
        })
    })
}

/// TFRecord stores checksums masked, so that a checksum of data with checksums in it stays one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4.
    #[test]
    fn checksum_is_castagnolis() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
