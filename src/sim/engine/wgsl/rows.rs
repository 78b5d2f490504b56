//! Parameter rows as the shaders read them: `[fields, rows]` in float32.

use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{
    MAX_BODIES, MAX_CAPSULES, MAX_DOFS, MAX_PAIRS, MAX_POINTS, Topology,
};
use crate::gpu::constants::Constants;

/// Parameter rows of one shape.
pub struct ParamRows {
    /// Fields' names in capitals and their lengths, in order.
    fields: Vec<(String, usize)>,
    /// `[fields, rows]`.
    pub numbers: Vec<f32>,
    /// Number of rows.
    pub len: usize,
    /// Every impedance curve has power 2.
    quadratic: bool,
    /// Some row has joint noise.
    noisy: bool,
}

impl ParamRows {
    /// `tables` with the standard deviation of each row's action noise and its `qpos0`.
    pub fn new(t: &Topology, tables: &[Tables<f64>], noise: &[f64], qpos0: &[Vec<f64>]) -> Self {
        // The kernel's arrays are as long as the largest robot's; here they are the robot's own.
        let trimmed = |len: usize| match len {
            MAX_BODIES => t.nb,
            MAX_DOFS => t.nv().max(t.motor_dof.len()),
            MAX_POINTS => t.point_body.len(),
            MAX_PAIRS => t.pairs.len(),
            other => other,
        };
        let (mut fields, mut numbers) = (Vec::new(), Vec::new());
        // Capsules are as many as bodies may be: their fields say which they are.
        const { assert!(MAX_CAPSULES == MAX_BODIES) };
        for (n, (name, all)) in tables[0].fields().iter().enumerate() {
            let len = match name.starts_with("capsule") {
                true => t.capsule_body.len(),
                false => trimmed(all.len()),
            };
            fields.push((name.to_uppercase(), len));
            for i in 0..len {
                numbers.extend(tables.iter().map(|row| row.fields()[n].1[i] as f32));
            }
        }
        fields.push(("NOISE".to_owned(), 1));
        numbers.extend(noise.iter().map(|x| *x as f32));
        fields.push(("QPOS".to_owned(), t.nv()));
        for i in 0..t.nv() {
            numbers.extend(qpos0.iter().map(|row| row[i] as f32));
        }
        Self {
            fields,
            numbers,
            len: tables.len(),
            quadratic: tables.iter().all(|row| row.quadratic),
            noisy: noise.iter().any(|x| *x != 0.0),
        }
    }

    /// The offsets of the fields, as the head of the module `shared::parameters`. `baked`: a lone row's
    /// numbers are written into the shader, which is compiled for it alone and runs faster.
    pub fn constants(&self, baked: bool) -> Constants {
        let mut c = Constants::new("parameters");
        c.number("ROWS", self.len);
        let mut offset = 0;
        for (name, len) in &self.fields {
            c.number(name, offset);
            offset += len;
        }
        if baked && self.len == 1 {
            c.literals(&self.numbers);
        }
        c.flag("ONE_ROW", self.len == 1);
        c.flag("QUADRATIC", self.quadratic);
        c.flag("NOISY", self.noisy);
        c
    }
}
