//! Text on a picture, in an embedded typeface of fixed width.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{Color, Pixmap, PremultipliedColorU8};

const SIZE: RasterHeight = RasterHeight::Size16;

/// Height of a line, pixels.
pub const HEIGHT: u32 = SIZE.val() as u32;

/// Width of `text`, pixels.
pub fn width(text: &str) -> u32 {
    (text.chars().count() * get_raster_width(FontWeight::Regular, SIZE)) as u32
}

/// As much of `text` as `room` pixels hold.
pub fn cut(text: &str, room: u32) -> String {
    let letters = (room / width("x")) as usize;
    match text.chars().count() > letters {
        true => {
            let kept = text.chars().take(letters.saturating_sub(2));
            kept.chain("..".chars()).collect()
        }
        false => text.to_owned(),
    }
}

/// Writes `text` with its upper left corner at (x, y), in `ink`; what is outside of the picture is left out.
pub fn write(picture: &mut Pixmap, [x, y]: [u32; 2], text: &str, ink: Color) {
    let ink = ink.to_color_u8();
    let mut left = x;
    for letter in text.chars() {
        let glyph = get_raster(letter, FontWeight::Regular, SIZE)
            .or_else(|| get_raster('?', FontWeight::Regular, SIZE));
        let Some(glyph) = glyph else { continue };
        for (dy, row) in glyph.rows().enumerate() {
            for (dx, cover) in row.iter().enumerate().filter(|(_, cover)| **cover > 0) {
                let (x, y) = (left + dx as u32, y + dy as u32);
                if x >= picture.width() || y >= picture.height() {
                    continue;
                }
                let at = (y * picture.width() + x) as usize;
                let under = picture.pixels()[at];
                let mix = |over: u8, under: u8| {
                    let cover = u16::from(*cover);
                    ((u16::from(over) * cover + u16::from(under) * (255 - cover)) / 255) as u8
                };
                let [r, g, b] = [
                    mix(ink.red(), under.red()),
                    mix(ink.green(), under.green()),
                    mix(ink.blue(), under.blue()),
                ];
                if let Some(pixel) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
                    picture.pixels_mut()[at] = pixel;
                }
            }
        }
        left += glyph.width() as u32;
    }
}
