//! What a policy does, to look at: one episode in two worlds side by side, as a page with a player, a GIF or a strip of
//! pictures.
//!
//! A [`Film`] is made by [`roll`] (a policy acts) or [`recorded`] (states of a data file), and written by [`html`],
//! [`gif`] and [`strip`].

pub mod gif;
pub mod html;
mod label;
mod picture;
pub mod recorded;
pub mod roll;
pub mod still;
pub mod strip;

use std::path::Path;

use crate::engine::planar::touch::Touch;
use crate::error::{Error, Result};
use crate::model::Capsule;
use crate::model::pose::Pose;

/// Height of the highest robot that is shown whole, m; recorded states may hold any number.
pub const HIGHEST: f64 = 100.0;

/// An episode in several worlds.
#[derive(Clone, Debug)]
pub struct Film {
    /// What is seen, in a line.
    pub title: String,
    /// Who acts, in a line.
    pub about: String,
    /// Duration of an env step, s.
    pub dt: f64,
    /// Name and largest torque (N m) of each motor.
    pub motors: Vec<(String, f64)>,
    /// The episode, once in each world.
    pub tracks: Vec<Track>,
    /// Which of them stand side by side.
    pub pairings: Vec<Pairing>,
}

/// Two tracks side by side.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// What they have in common: `same policy`.
    pub label: String,
    /// Left and right, among [`Film::tracks`].
    pub tracks: [usize; 2],
}

/// An episode in one world.
#[derive(Clone, Debug)]
pub struct Track {
    /// `real`, `simulator`.
    pub name: String,
    /// What differs there: `gravity=2`.
    pub gap: String,
    /// The robot's capsules, in their bodies' frames.
    pub limbs: Vec<Capsule>,
    /// Its weight there, N: what forces are drawn in proportion to.
    pub weight: f64,
    /// One an env step, before the step.
    pub frames: Vec<Frame>,
    /// Why there are no more.
    pub end: TrackEnd,
}

/// A robot at the beginning of an env step, and what the step brought.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Of each body.
    pub poses: Vec<Pose>,
    /// Contacts that press; none where the engine is not the planar one.
    pub touches: Vec<Touch>,
    /// Of each motor, as asked for and clamped, N m.
    pub torques: Vec<f64>,
    /// Of the step.
    pub reward: f64,
}

/// Why a track ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackEnd {
    /// The task's failure condition held.
    Fell,
    /// The task's step limit.
    Limit,
    /// The robot broke: its state was not finite or beyond all bounds.
    Broke,
    /// No more was asked for, or recorded.
    Cut,
}

impl TrackEnd {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fell => "fell",
            Self::Limit => "whole episode",
            Self::Broke => "broke",
            Self::Cut => "goes on",
        }
    }
}

impl Track {
    /// Sum of rewards.
    pub fn total(&self) -> f64 {
        self.frames.iter().map(|frame| frame.reward).sum()
    }

    /// Height of the highest point of a frame above the floor, m.
    fn top(&self, frame: &Frame) -> f64 {
        let top = |limb: &Capsule| {
            let ends = ends(limb, &frame.poses);
            limb.radius + ends[0][1].max(ends[1][1])
        };
        self.limbs.iter().map(top).fold(0.0, f64::max)
    }
}

/// Ends of a limb's centre line in the world, m (x, z).
fn ends(limb: &Capsule, poses: &[Pose]) -> [[f64; 2]; 2] {
    [-1.0, 1.0].map(|end| {
        let along = |k: usize| limb.centre[k] + end * limb.half_axis[k];
        poses[limb.body].place([along(0), along(1)])
    })
}

impl Film {
    /// Frames of the longest track.
    pub fn len(&self) -> usize {
        let tracks = self.tracks.iter();
        tracks.map(|track| track.frames.len()).max().unwrap_or(0)
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height above the floor that a picture shows, m: all that the robots reach, but not more than twice their height
    /// at the beginning, and not more than [`HIGHEST`].
    pub fn height(&self) -> f64 {
        let tops = |track: &Track| {
            let mut tops = track.frames.iter().map(|frame| track.top(frame));
            let first = tops.next().unwrap_or(1.0);
            tops.fold(first, f64::max).min(2.0 * first)
        };
        let top = self.tracks.iter().map(tops).fold(0.3, f64::max);
        1.15 * top.min(HIGHEST)
    }

    /// Writes the film to `path`, as its ending says: `.html`, `.gif` or `.png`.
    ///
    /// # Errors
    /// Where the ending is another one, there is no frame, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let refused = |problem: &str, help: &str| Err(Error::input(path.display(), problem, help));
        if self.is_empty() {
            return refused("there is no frame to show", "render at least one step");
        }
        let bytes = match FilmFormat::of(path)? {
            FilmFormat::Html => html::page(self).into_bytes(),
            FilmFormat::Gif => gif::encode(self)?,
            FilmFormat::Png => strip::encode(self)?,
        };
        crate::run::record::run_folder::write(path, &bytes)
    }
}

/// How a film is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilmFormat {
    /// A page with a player.
    Html,
    /// An animation.
    Gif,
    /// A strip of pictures.
    Png,
}

impl FilmFormat {
    /// The format that a file's ending says.
    ///
    /// # Errors
    /// Where it is none of the three.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        match ending.to_ascii_lowercase().as_str() {
            "html" => Ok(Self::Html),
            "gif" => Ok(Self::Gif),
            "png" => Ok(Self::Png),
            _ => Err(Error::input(
                path.display(),
                "its ending does not say what to write",
                "name a file that ends in .html, .gif or .png",
            )),
        }
    }
}
