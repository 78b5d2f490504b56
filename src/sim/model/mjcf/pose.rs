//! Where a part is, in the x-z plane.

use super::Loader;
use super::layers::Layers;
use crate::error::Result;

impl Loader<'_> {
    /// Refuses a y component.
    pub(super) fn planar(&self, attribute: &str, v: [f64; 3], layers: &Layers) -> Result<[f64; 3]> {
        if v[1] == 0.0 {
            return Ok(v);
        }
        Err(layers.refuse(
            format!("`{attribute}` leaves the x-z plane (y = {})", v[1]),
            "robots are planar: every y must be 0",
        ))
    }

    /// Rotation about +y from `axisangle`, `quat` or `euler`, rad.
    pub(super) fn angle(&self, layers: &Layers) -> Result<f64> {
        let axisangle = layers.vector_opt::<4>("axisangle")?;
        let quat = layers.vector_opt::<4>("quat")?;
        let euler = layers.vector_opt::<3>("euler")?;
        let refuse = |what: &str| {
            Err(layers.refuse(
                what,
                "rotations about y: axisangle=\"0 1 0 angle\", quat=\"w 0 y 0\" or euler=\"0 angle 0\", one of them",
            ))
        };
        match (axisangle, quat, euler) {
            (None, None, None) => Ok(0.0),
            (Some([x, y, z, angle]), None, None) => {
                if x != 0.0 || z != 0.0 || y == 0.0 {
                    return refuse("`axisangle` leaves the x-z plane");
                }
                Ok(y.signum() * angle * self.unit)
            }
            (None, Some([w, x, y, z]), None) => {
                if x != 0.0 || z != 0.0 || (w == 0.0 && y == 0.0) {
                    return refuse("`quat` leaves the x-z plane");
                }
                Ok(2.0 * y.atan2(w))
            }
            (None, None, Some([x, y, z])) => {
                if x != 0.0 || z != 0.0 {
                    return refuse("`euler` leaves the x-z plane");
                }
                Ok(y * self.unit)
            }
            _ => refuse("two rotations at once"),
        }
    }
}
