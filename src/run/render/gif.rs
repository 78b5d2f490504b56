//! A film as a GIF that plays in real time, over and over.

use std::borrow::Cow;
use std::collections::HashMap;

use color_quant::NeuQuant;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use tiny_skia::Pixmap;

use super::Film;
use super::picture::{blank, put, world};
use crate::error::{Error, Result};

/// Size of a world's part, pixels; the two stand side by side with a line between them.
const PANE: [u32; 2] = [320, 190];
/// Pictures a second at most.
const RATE: f64 = 25.0;
/// Colours of the palette; one more is for what has not changed.
const COLORS: usize = 255;
/// Pictures of which the palette is made.
const SAMPLES: usize = 12;

/// The first pairing as GIF.
///
/// # Errors
/// Where it cannot be drawn.
pub fn encode(film: &Film) -> Result<Vec<u8>> {
    let stride = (1.0 / (RATE * film.dt)).ceil().max(1.0) as usize;
    // GIF counts in hundredths of a second.
    let delay = (100.0 * film.dt * stride as f64)
        .round()
        .clamp(2.0, 65_535.0) as u16;
    // Drawn twice rather than kept: an episode of pictures is half a gigabyte.
    let steps = (0..film.len()).step_by(stride);
    let every = steps.len().div_ceil(SAMPLES).max(1);
    let samples = steps.clone().step_by(every).map(|step| draw(film, step));
    let palette = Palette::of(&samples.collect::<Result<Vec<_>>>()?);
    let refused = |e: gif::EncodingError| Error::input("gif", e, "render fewer steps");
    let [width, height] = [2 * PANE[0] as u16 + 1, PANE[1] as u16];
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &palette.colors).map_err(refused)?;
    encoder.set_repeat(Repeat::Infinite).map_err(refused)?;
    let mut before: Option<Vec<u8>> = None;
    let mut cache = HashMap::new();
    for step in steps {
        let now = palette.indices(&draw(film, step)?, &mut cache);
        let mut frame = changed(before.as_deref(), &now, usize::from(width));
        frame.delay = delay;
        encoder.write_frame(&frame).map_err(refused)?;
        before = Some(now);
    }
    drop(encoder);
    Ok(bytes)
}

fn draw(film: &Film, step: usize) -> Result<Pixmap> {
    let mut picture = blank(2 * PANE[0] + 1, PANE[1])?;
    for side in 0..2 {
        let corner = [side as u32 * (PANE[0] + 1), 0];
        put(&mut picture, corner, &world(film, side, step, PANE)?);
    }
    Ok(picture)
}

/// The colours of a film.
struct Palette {
    quant: NeuQuant,
    /// As GIF has them.
    colors: Vec<u8>,
}

impl Palette {
    fn of(pictures: &[Pixmap]) -> Self {
        let pixels: Vec<u8> = pictures
            .iter()
            .flat_map(|p| p.data().iter().copied())
            .collect();
        let quant = NeuQuant::new(10, COLORS, &pixels);
        let mut colors = quant.color_map_rgb();
        colors.extend([0; 3]);
        Self { quant, colors }
    }

    fn indices(&self, picture: &Pixmap, cache: &mut HashMap<[u8; 4], u8>) -> Vec<u8> {
        let pixels = picture.data().as_chunks::<4>().0.iter();
        let index = |pixel: &[u8; 4]| {
            let find = || self.quant.index_of(pixel) as u8;
            *cache.entry(*pixel).or_insert_with(find)
        };
        pixels.map(index).collect()
    }
}

/// What of a picture `now` differs from the one `before`: the smallest box, in which the rest is transparent.
fn changed(before: Option<&[u8]>, now: &[u8], width: usize) -> Frame<'static> {
    let still = COLORS as u8;
    let same = |at: usize| before.is_some_and(|before| before[at] == now[at]);
    let moved = (0..now.len()).filter(|at| !same(*at));
    let (mut x, mut y) = ([width, 0], [now.len() / width, 0]);
    for at in moved {
        x = [x[0].min(at % width), x[1].max(at % width + 1)];
        y = [y[0].min(at / width), y[1].max(at / width + 1)];
    }
    if x[0] >= x[1] {
        // Nothing has moved: a frame has a pixel at least.
        (x, y) = ([0, 1], [0, 1]);
    }
    let rows = (y[0]..y[1]).flat_map(|row| row * width + x[0]..row * width + x[1]);
    let pixel = |at: usize| if same(at) { still } else { now[at] };
    Frame {
        left: x[0] as u16,
        top: y[0] as u16,
        width: (x[1] - x[0]) as u16,
        height: (y[1] - y[0]) as u16,
        transparent: before.map(|_| still),
        dispose: DisposalMethod::Keep,
        buffer: Cow::Owned(rows.map(pixel).collect()),
        ..Frame::default()
    }
}
