//! `coordinate="global"`: every frame of the file in the world's axes, as MuJoCo up to 2.3.3 read it.

use super::Loader;
use crate::model::compile::{rotate, xz};

impl Loader<'_> {
    /// Expresses every part in its body's frame, and every body in its parent's. A body that the file does not
    /// place stands at its first joint: where its frame lies does not touch the dynamics.
    pub(super) fn localise(&mut self) {
        let spec = &mut self.spec;
        for (b, placed) in self.placed.iter().enumerate() {
            let joint = spec.joints.iter().find(|joint| joint.body == b);
            if let (false, Some(joint)) = (placed, joint) {
                (spec.bodies[b].pos, spec.bodies[b].angle) = (joint.pos, 0.0);
            }
        }
        let frames: Vec<([f64; 3], f64)> = spec.bodies.iter().map(|b| (b.pos, b.angle)).collect();
        // Where a point of the world lies in the frame of body `b`.
        let within = |b: usize, point: [f64; 3]| {
            let (origin, angle) = frames[b];
            let from = [point[0] - origin[0], point[2] - origin[2]];
            let [x, z] = rotate(-angle, from);
            [x, 0.0, z]
        };
        for body in &mut spec.bodies {
            if let Some(parent) = body.parent {
                body.pos = within(parent, body.pos);
                body.angle -= frames[parent].1;
            }
        }
        for joint in &mut spec.joints {
            joint.pos = within(joint.body, joint.pos);
            let [x, z] = rotate(-frames[joint.body].1, xz(joint.axis));
            joint.axis = [x, joint.axis[1], z];
        }
        for geom in &mut spec.geoms {
            let Some(body) = geom.body else {
                continue;
            };
            geom.pos = within(body, geom.pos);
            geom.angle -= frames[body].1;
            if let Some([x0, y0, z0, x1, y1, z1]) = geom.fromto {
                let ([x0, _, z0], [x1, _, z1]) =
                    (within(body, [x0, y0, z0]), within(body, [x1, y1, z1]));
                geom.fromto = Some([x0, y0, z0, x1, y1, z1]);
            }
        }
    }
}
