//! LZF, which h5py writes for `compression="lzf"`: literal runs, and copies of what came before.

use hdf5_reader::error::{Error, Result};
use hdf5_reader::messages::filter_pipeline::FilterDescription;

/// Its registered number.
pub(super) const FILTER: u16 = 32_000;

/// A byte of input becomes at most this many bytes of output: three bytes copy up to 264.
const MAX_RATIO: usize = 88;

/// Unpack one chunk. h5py stores its length as the third of the filter's values.
pub(super) fn filter(filter: &FilterDescription, packed: &[u8], _: usize) -> Result<Vec<u8>> {
    let length = filter.client_data.get(2).map_or(0, |&n| n as usize);
    let wrong = || Error::DecompressionError("lzf".into());
    if length > packed.len().saturating_mul(MAX_RATIO) {
        return Err(wrong());
    }
    unpack(packed, length).ok_or_else(wrong)
}

/// `length` bytes, or `None` where `packed` does not hold as many.
fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(length);
    let mut at = 0;
    while at < packed.len() {
        let control = usize::from(packed[at]);
        at += 1;
        if control < 32 {
            out.extend_from_slice(packed.get(at..at + control + 1)?);
            at += control + 1;
        } else {
            let mut count = control >> 5;
            if count == 7 {
                count += usize::from(*packed.get(at)?);
                at += 1;
            }
            let back = (control & 31) << 8 | usize::from(*packed.get(at)?);
            at += 1;
            let start = out.len().checked_sub(back + 1)?;
            // A copy may overlap what it writes.
            for k in 0..count + 2 {
                out.push(out[start + k]);
            }
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}
