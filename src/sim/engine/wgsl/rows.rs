//! Parameter rows as the shaders read them: `[fields, rows]` in float32.

use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{
    MAX_BODIES, MAX_CAPSULES, MAX_DOFS, MAX_PAIRS, MAX_POINTS, Topology,
};
use crate::gpu::constants::Constants;
use crate::model::Channel;

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
    /// Definitions that some row's channel needs.
    channel: Vec<&'static str>,
    /// Env steps by which the latest robots are late.
    pub depth: usize,
}

impl ParamRows {
    /// `tables` with each row's channel, whose observations have `obs_dim` numbers, and its `qpos0`.
    pub fn new(
        t: &Topology,
        tables: &[Tables<f64>],
        channels: &[Channel],
        obs_dim: usize,
        qpos0: &[Vec<f64>],
    ) -> Self {
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
        let mut channel = Vec::new();
        let mut put = |name: &str, flag, len: usize, number: &dyn Fn(&Channel, usize) -> f64| {
            let all = || (0..len).flat_map(|i| channels.iter().map(move |c| number(c, i)));
            // What no row's channel has, takes no room.
            let used = all().any(|x| x != 0.0);
            fields.push((name.to_owned(), if used { len } else { 0 }));
            if used {
                numbers.extend(all().map(|x| x as f32));
                channel.push(flag);
            }
        };
        put("NOISE", "NOISY", 1, &|c, _| c.noise);
        put("DELAY", "LATE", 1, &|c, _| c.delay as f64);
        put("DEAD_ZONE", "DEAD", 1, &|c, _| c.dead_zone);
        put("SENSOR_NOISE", "SENSORS_NOISY", obs_dim, &|c, i| {
            c.sensor_noise.at(i)
        });
        put("SENSOR_BIAS", "SENSORS_BIASED", obs_dim, &|c, i| {
            c.sensor_bias.at(i)
        });
        fields.push(("QPOS".to_owned(), t.nv()));
        for i in 0..t.nv() {
            numbers.extend(qpos0.iter().map(|row| row[i] as f32));
        }
        Self {
            fields,
            numbers,
            len: tables.len(),
            quadratic: tables.iter().all(|row| row.quadratic),
            channel,
            depth: channels.iter().map(|c| c.delay).max().unwrap_or(0),
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
        for flag in &self.channel {
            c.flag(flag, true);
        }
        c.number("MOST_LATE", self.depth);
        c
    }
}
