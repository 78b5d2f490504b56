//! Where a compiled robot's bodies are.

use super::Model;
use super::compile::rotate;

/// A body's place in the world.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pose {
    /// Its anchor, m (x, z).
    pub anchor: [f64; 2],
    /// How far it is turned about +y from the reference pose, rad.
    pub angle: f64,
}

impl Pose {
    /// The world's (x, z) of a point of the body's frame, m.
    pub fn place(&self, point: [f64; 2]) -> [f64; 2] {
        let turned = rotate(self.angle, point);
        [self.anchor[0] + turned[0], self.anchor[1] + turned[1]]
    }
}

impl Model {
    /// The bodies' poses at `qpos` (`[nv]`), body by body.
    pub fn poses(&self, qpos: &[f64]) -> Vec<Pose> {
        let mut poses: Vec<Pose> = Vec::with_capacity(self.nb());
        for body in &self.bodies {
            let turn = body.sign * qpos[body.dof];
            poses.push(match body.parent.map(|p| poses[p]) {
                None => Pose {
                    anchor: [qpos[0], qpos[1] + self.z0],
                    angle: turn,
                },
                Some(parent) => Pose {
                    anchor: parent.place(body.offset),
                    angle: parent.angle + turn,
                },
            });
        }
        poses
    }
}
