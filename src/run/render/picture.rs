//! Draws one moment of a film in one of its worlds, with the ghost of the other.

use tiny_skia::{
    Color, FillRule, LineCap, Paint, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, Transform,
};

use super::{Film, Frame, Track, TrackEnd, ends, label};
use crate::error::{Error, Result};
use crate::model::Capsule;

/// Length of the arrow of a force as large as the robot's weight, as a share of the picture's height.
const WEIGHT_ARROW: f32 = 0.22;
/// Share of the height that lies below the floor.
const BELOW: f64 = 0.14;
/// Side of a tile of the floor, m.
const TILE: f64 = 0.5;

const GROUND: [u8; 3] = [0xff, 0xff, 0xff];
const INK: [u8; 3] = [0x1c, 0x21, 0x28];
const SOFT: [u8; 3] = [0x57, 0x60, 0x6a];
const FLOOR: [u8; 3] = [0xd5, 0xda, 0xe0];
const TILES: [u8; 3] = [0xe7, 0xea, 0xee];
const FORCE: [u8; 3] = [0x00, 0x9e, 0x73];
/// Of the left and of the right world.
const ROBOTS: [[u8; 3]; 2] = [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00]];

/// From the plane to pixels.
struct View {
    /// Width and height of the picture.
    size: [u32; 2],
    scale: f64,
    /// World x in the middle.
    middle: f64,
}

impl View {
    fn at(&self, [x, z]: [f64; 2]) -> (f32, f32) {
        let [width, height] = self.size.map(f64::from);
        let px = 0.5 * width + (x - self.middle) * self.scale;
        let py = height * (1.0 - BELOW) - z * self.scale;
        (px as f32, py as f32)
    }
}

fn paint(ink: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(color(ink));
    paint.anti_alias = true;
    paint
}

fn color([r, g, b]: [u8; 3]) -> Color {
    Color::from_rgba8(r, g, b, 255)
}

/// An empty picture.
///
/// # Errors
/// Where it would have no pixel, or too many.
pub fn blank(width: u32, height: u32) -> Result<Pixmap> {
    let mut picture = Pixmap::new(width, height).ok_or_else(|| {
        let problem = format!("a picture of {width} × {height} pixels cannot be");
        Error::input("picture", problem, "report this as a bug")
    })?;
    picture.fill(color(GROUND));
    Ok(picture)
}

/// Puts `part` into `picture`, its upper left corner at `corner`.
pub fn put(picture: &mut Pixmap, [x, y]: [u32; 2], part: &Pixmap) {
    let place = Transform::identity();
    picture.draw_pixmap(
        x as i32,
        y as i32,
        part.as_ref(),
        &PixmapPaint::default(),
        place,
        None,
    );
}

/// The world `side` (0 left, 1 right) of the film's first pairing at env step `step`, `size` pixels wide and high.
///
/// # Errors
/// As [`blank`].
pub fn world(film: &Film, side: usize, step: usize, size: [u32; 2]) -> Result<Pixmap> {
    let mut picture = blank(size[0], size[1])?;
    let tracks = film.pairings[0].tracks.map(|t| &film.tracks[t]);
    let (own, other) = (tracks[side], tracks[1 - side]);
    // A track that has ended stays at its last frame.
    let frame = |track: &Track| track.frames.get(step).or(track.frames.last()).cloned();
    let (Some(now), Some(ghost)) = (frame(own), frame(other)) else {
        return Ok(picture);
    };
    let view = View {
        size,
        scale: f64::from(size[1] - label::HEIGHT) * (1.0 - BELOW) / film.height(),
        middle: now.poses[0].anchor[0],
    };
    floor(&mut picture, &view);
    // On a layer of its own, so that it is equally faint where limbs overlap.
    let mut layer = blank(size[0], size[1])?;
    layer.fill(Color::TRANSPARENT);
    robot(&mut layer, &view, other, &ghost, ROBOTS[1 - side]);
    let faint = PixmapPaint {
        opacity: 0.22,
        ..PixmapPaint::default()
    };
    picture.draw_pixmap(0, 0, layer.as_ref(), &faint, Transform::identity(), None);
    robot(&mut picture, &view, own, &now, ROBOTS[side]);
    for touch in &now.touches {
        force(&mut picture, &view, own.weight, touch.point, touch.force);
    }
    texts(&mut picture, film, own, step);
    Ok(picture)
}

/// The robot of `track` at its last frame, without texts, on the scale of its first.
///
/// # Errors
/// As [`blank`].
pub fn alone(track: &Track, size: [u32; 2]) -> Result<Pixmap> {
    let mut picture = blank(size[0], size[1])?;
    if let (Some(first), Some(now)) = (track.frames.first(), track.frames.last()) {
        let view = View {
            size,
            scale: f64::from(size[1]) * (1.0 - BELOW) / (1.5 * track.top(first)),
            middle: now.poses[0].anchor[0],
        };
        floor(&mut picture, &view);
        robot(&mut picture, &view, track, now, ROBOTS[0]);
    }
    Ok(picture)
}

/// Name on the left, reward so far on the right, the time on the floor.
fn texts(picture: &mut Pixmap, film: &Film, track: &Track, step: usize) {
    let name = match track.gap.as_str() {
        "none" => track.name.clone(),
        gap => format!("{} {gap}", track.name),
    };
    let until = track.frames.len().min(step + 1);
    let total: f64 = track.frames[..until].iter().map(|f| f.reward).sum();
    let fell = step + 1 >= track.frames.len() && track.end == TrackEnd::Fell;
    let reward = format!("{} {total:.0}", if fell { "fell," } else { "reward" });
    let time = format!("{:.2} s", film.dt * (until.max(1) - 1) as f64);
    let [width, height] = [picture.width(), picture.height()];
    let left = |text: &str| width.saturating_sub(label::width(text) + 6);
    let room = left(&reward).saturating_sub(12);
    label::write(picture, [6, 3], &label::cut(&name, room), color(INK));
    label::write(picture, [left(&reward), 3], &reward, color(SOFT));
    let low = height.saturating_sub(label::HEIGHT + 3);
    label::write(picture, [left(&time), low], &time, color(SOFT));
}

/// The floor with tiles, so that one sees how far the robot has come.
fn floor(picture: &mut Pixmap, view: &View) {
    let [width, height] = view.size.map(|x| x as f32);
    let (_, line) = view.at([0.0, 0.0]);
    let mut fill = |left: f32, right: f32, ink: [u8; 3]| {
        if let Some(rect) = Rect::from_ltrb(left.max(0.0), line, right.min(width), height) {
            picture.fill_rect(rect, &paint(ink), Transform::identity(), None);
        }
    };
    fill(0.0, width, TILES);
    let half = 0.5 * f64::from(width) / view.scale;
    let first = ((view.middle - half) / TILE).floor() as i64;
    let last = ((view.middle + half) / TILE).ceil() as i64;
    for tile in (first..last).filter(|tile| tile.rem_euclid(2) == 0) {
        let edge = |tile: i64| view.at([tile as f64 * TILE, 0.0]).0;
        fill(edge(tile), edge(tile + 1), FLOOR);
    }
}

fn robot(picture: &mut Pixmap, view: &View, track: &Track, frame: &Frame, ink: [u8; 3]) {
    for limb in &track.limbs {
        let [a, b] = ends(limb, &frame.poses).map(|end| view.at(end));
        if limb.half_axis == [0.0; 2] {
            wheel(picture, view, limb, frame, ink);
            continue;
        }
        let mut path = PathBuilder::new();
        path.move_to(a.0, a.1);
        path.line_to(b.0, b.1);
        let stroke = Stroke {
            width: (2.0 * limb.radius * view.scale) as f32,
            line_cap: LineCap::Round,
            ..Stroke::default()
        };
        if let Some(path) = path.finish() {
            picture.stroke_path(&path, &paint(ink), &stroke, Transform::identity(), None);
        }
    }
}

/// A ball, with a spoke by which one sees it roll.
fn wheel(picture: &mut Pixmap, view: &View, limb: &Capsule, frame: &Frame, ink: [u8; 3]) {
    let pose = &frame.poses[limb.body];
    let [x, z] = limb.centre;
    let (hub, rim) = (
        view.at(pose.place([x, z])),
        view.at(pose.place([x, z + 0.8 * limb.radius])),
    );
    let radius = (limb.radius * view.scale) as f32;
    if let Some(round) = PathBuilder::from_circle(hub.0, hub.1, radius) {
        picture.fill_path(
            &round,
            &paint(ink),
            FillRule::Winding,
            Transform::identity(),
            None,
        );
    }
    let mut spoke = PathBuilder::new();
    spoke.move_to(hub.0, hub.1);
    spoke.line_to(rim.0, rim.1);
    let stroke = Stroke {
        width: (0.15 * radius).max(1.0),
        line_cap: LineCap::Round,
        ..Stroke::default()
    };
    if let Some(spoke) = spoke.finish() {
        picture.stroke_path(&spoke, &paint(GROUND), &stroke, Transform::identity(), None);
    }
}

/// The contact's point, and an arrow for its force.
fn force(picture: &mut Pixmap, view: &View, weight: f64, point: [f64; 2], force: [f64; 2]) {
    let from = view.at(point);
    let scale = WEIGHT_ARROW * view.size[1] as f32 / weight as f32;
    let [fx, fz] = force.map(|f| f as f32 * scale);
    let length = fx.hypot(fz);
    if length < 1.0 {
        return;
    }
    // What is thrown upon the floor from high up presses with many times its weight.
    let most = 0.6 * view.size[1] as f32;
    let (fx, fz) = (fx * (most / length).min(1.0), fz * (most / length).min(1.0));
    let tip = (from.0 + fx, from.1 - fz);
    let ink = paint(FORCE);
    let mut shaft = PathBuilder::new();
    shaft.move_to(from.0, from.1);
    shaft.line_to(tip.0, tip.1);
    let (ux, uz) = (fx / fx.hypot(fz), -fz / fx.hypot(fz));
    let mut head = PathBuilder::new();
    head.move_to(tip.0 + 4.0 * ux, tip.1 + 4.0 * uz);
    head.line_to(tip.0 - 4.0 * ux - 4.0 * uz, tip.1 - 4.0 * uz + 4.0 * ux);
    head.line_to(tip.0 - 4.0 * ux + 4.0 * uz, tip.1 - 4.0 * uz - 4.0 * ux);
    head.close();
    head.push_circle(from.0, from.1, 3.0);
    let stroke = Stroke {
        width: 2.0,
        ..Stroke::default()
    };
    if let (Some(shaft), Some(head)) = (shaft.finish(), head.finish()) {
        picture.stroke_path(&shaft, &ink, &stroke, Transform::identity(), None);
        picture.fill_path(&head, &ink, FillRule::Winding, Transform::identity(), None);
    }
}
