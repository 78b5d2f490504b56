//! A film as one HTML page with a player, which needs no network.

use serde_json::{Value, json};

use super::{Film, Frame, Track, ends};
use crate::model::pose::Pose;
use crate::run::page::{self, Markup, escaped};

/// The player: what any page that shows films has in its styles and scripts.
pub const PLAYER_STYLE: &str = include_str!("player.css");
/// See [`PLAYER_STYLE`].
pub const PLAYER_SCRIPT: &str = include_str!("player.js");

const SCRIPT: &str = "h2oplusPlayer(document.getElementById('player')).load(JSON.parse(document.getElementById('film').textContent));";

/// The page.
pub fn page(film: &Film) -> String {
    let head = Markup::of("header", "film-head")
        .child(
            Markup::new("div")
                .child(Markup::new("h1").text(&film.title))
                .child(Markup::of("p", "film-about").text(&film.about)),
        )
        .child(
            Markup::new("button")
                .with("id", "theme")
                .with("type", "button")
                .text("dark or light"),
        );
    let main = Markup::new("main")
        .child(head)
        .child(Markup::of("div", "player").with("id", "player"));
    // Between its tags JSON is text of the script, where only a tag's beginning counts.
    let film_json = data(film).to_string().replace('<', "\\u003c");
    let body = main.html()
        + &format!("\n<script type=\"application/json\" id=\"film\">{film_json}</script>\n");
    page::whole(
        &format!("{}: {}", film.title, film.about),
        &[PLAYER_STYLE],
        &body,
        &[PLAYER_SCRIPT, SCRIPT],
    )
}

/// The film as the player reads it: lengths in mm, angles in mrad, forces in N, torques in 0.1 N m, rewards in 0.001,
/// all whole numbers. A column of numbers over time is its first one and the differences after it.
pub fn data(film: &Film) -> Value {
    let motors = film.motors.iter();
    let pairings = film.pairings.iter();
    json!({
        "title": film.title,
        "about": film.about,
        "dt": film.dt,
        "height": film.height(),
        "motors": motors.map(|(name, most)| json!([escaped(name), most])).collect::<Vec<_>>(),
        "pairings": pairings.map(|p| json!({"label": p.label, "tracks": p.tracks})).collect::<Vec<_>>(),
        "tracks": film.tracks.iter().map(track).collect::<Vec<_>>(),
    })
}

fn track(track: &Track) -> Value {
    let bodies = track.frames.first().map_or(0, |frame| frame.poses.len());
    let motors = track.frames.first().map_or(0, |frame| frame.torques.len());
    // Ends of the limbs in their bodies' frames.
    let still = vec![Pose::default(); bodies];
    let limb = |limb: &crate::model::Capsule| {
        let [[ax, az], [bx, bz]] = ends(limb, &still);
        let mut row = vec![limb.body as i64];
        row.extend([ax, az, bx, bz, limb.radius].map(thousandths));
        row
    };
    let column = |value: &dyn Fn(&Frame) -> f64| deltas(track.frames.iter().map(value), 1e3);
    let pose = |body: usize| {
        [
            column(&|f: &Frame| f.poses[body].anchor[0]),
            column(&|f: &Frame| f.poses[body].anchor[1]),
            column(&|f: &Frame| f.poses[body].angle),
        ]
    };
    let touches = |frame: &Frame| {
        let numbers = |t: &crate::engine::planar::touch::Touch| {
            let [[x, z], [fx, fz]] = [t.point, t.force];
            [
                t.body as i64,
                thousandths(x),
                thousandths(z),
                whole(fx),
                whole(fz),
            ]
        };
        frame.touches.iter().flat_map(numbers).collect::<Vec<_>>()
    };
    json!({
        "name": track.name,
        "gap": track.gap,
        "end": track.end.words(),
        "weight": track.weight,
        "limbs": track.limbs.iter().map(limb).collect::<Vec<_>>(),
        "poses": (0..bodies).flat_map(pose).collect::<Vec<_>>(),
        "torques": (0..motors)
            .map(|n| deltas(track.frames.iter().map(|f| f.torques[n]), 10.0))
            .collect::<Vec<_>>(),
        "rewards": column(&|f: &Frame| f.reward),
        "touches": track.frames.iter().map(touches).collect::<Vec<_>>(),
    })
}

fn whole(x: f64) -> i64 {
    x.round() as i64
}

fn thousandths(x: f64) -> i64 {
    whole(1e3 * x)
}

/// `values` times `scale`, rounded: the first one, then differences.
fn deltas(values: impl Iterator<Item = f64>, scale: f64) -> Vec<i64> {
    let mut before = 0;
    let step = |x: f64| {
        let now = whole(scale * x);
        let step = now.wrapping_sub(before);
        before = now;
        step
    };
    values.map(step).collect()
}
