//! Damage that knows nothing of the format.

use crate::draws::Draws;

/// Numbers at the edges of what fields can hold.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    7,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Damages `file` once; `other` is a sound file of the same format, to take pieces from.
pub fn mutate(file: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    let len = file.len();
    let at = draws.below(len);
    if len == 0 {
        file.extend(&other[..draws.below(other.len())]);
        return;
    }
    match draws.below(12) {
        0 | 1 => file[at] ^= 1 << draws.below(8),
        2 => file[at] = draws.word() as u8,
        3 | 4 => {
            let width = 1 << draws.below(4);
            let value = draws.pick(&EDGES).to_le_bytes();
            let end = (at + width).min(len);
            file[at..end].copy_from_slice(&value[..end - at]);
        }
        // A count that is one too many or too few.
        5 => file[at] = file[at].wrapping_add(if draws.once_in(2) { 1 } else { 255 }),
        6 => file.truncate(at),
        7 => {
            let end = at + draws.length(len - at);
            file[at..end].fill(if draws.once_in(2) { 0 } else { 0xff });
        }
        8 => {
            let end = at + draws.length(len - at);
            file.drain(at..end);
        }
        9 => {
            let end = at + draws.length(len - at);
            let piece = file[at..end].to_vec();
            let to = draws.below(len);
            file.splice(to..to, piece);
        }
        10 => {
            let from = draws.below(other.len());
            let piece =
                &other[from..from + draws.length(other.len() - from).min(other.len() - from)];
            let end = (at + piece.len()).min(len);
            file.splice(at..end, piece.iter().copied());
        }
        _ => {
            let more = draws.length(4096);
            for _ in 0..more {
                file.push(draws.word() as u8);
            }
        }
    }
}
