//! A film as a strip of pictures: moments from left to right, the worlds one above the other.

use super::Film;
use super::picture::{blank, put, world};
use crate::error::{Error, Result};

/// Moments.
const MOMENTS: usize = 6;
/// Size of one of them, pixels.
const CELL: [u32; 2] = [260, 170];

/// The strip of the first pairing as PNG.
///
/// # Errors
/// Where it cannot be drawn.
pub fn encode(film: &Film) -> Result<Vec<u8>> {
    let moments = film.len().clamp(1, MOMENTS);
    let mut picture = blank(moments as u32 * CELL[0], 2 * CELL[1])?;
    for moment in 0..moments {
        // Evenly, the first and the last among them.
        let step = moment * (film.len() - 1) / (moments - 1).max(1);
        for side in 0..2 {
            let corner = [moment as u32 * CELL[0], side as u32 * CELL[1]];
            put(&mut picture, corner, &world(film, side, step, CELL)?);
        }
    }
    let help = "write an .html or a .gif";
    (picture.encode_png()).map_err(|e| Error::input("png", e.to_string(), help))
}
