//! A task on the planar kernel's shaders.

pub mod constants;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Dynamics, Task};
    use crate::gpu::compose::{Kernel, compose};
    use crate::physics::gpu::{constants::topology, rows::Rows};
    use crate::physics::planar::tables::Tables;
    use crate::physics::planar::topology::Topology;

    #[test]
    fn shaders_compile() {
        for name in ["halfcheetah-v2", "walker2d-v5"] {
            let task = Task::load(name).unwrap();
            let dynamics = Dynamics::new(&task, &[]).unwrap();
            let model = &dynamics.rows[0].model;
            let shape = Topology::new(model).unwrap();
            let qpos0: Vec<f64> = model.dofs.iter().map(|d| d.qpos0).collect();
            let rows = Rows::new(&shape, &[Tables::new(model, &shape)], &[0.0]);
            let consts = [topology(&shape, &qpos0, task.frame_skip), rows.constants(), constants::task(&task, false)];
            let consts: Vec<_> = consts.iter().collect();
            for k in [Kernel::RESET, Kernel::PHYSICS_STEP, Kernel::ENV_STEP, Kernel::STAGES] {
                match compose(k, &consts, &[]) { Err(e) => panic!("{e}"), Ok(_) => () }
            }
        }
    }
}
