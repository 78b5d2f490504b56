//! Shaders compile for every robot, and their structures lie as Rust's, without a device.

use super::network::network;
use crate::engine::planar::batch::tables;
use crate::engine::wgsl::constants::{self, topology};
use crate::engine::wgsl::rows::ParamRows;
use crate::engine::wgsl::store::Dispatch;
use crate::env::{Dynamics, Task};
use crate::gpu::compose::{Shader, compose};
use crate::gpu::constants::Constants;
use std::collections::HashMap;
use std::mem::offset_of;
use wgpu::naga;

/// A robot of a user's own whose hand may touch its torso.
const ROBOT: &str = r#"<mujoco model="rover"><compiler angle="radian"/><option timestep="0.005"/>
<worldbody><geom name="floor" type="plane" size="40 40 40" condim="3" conaffinity="1"/>
<body name="torso" pos="0 0 0.5">
<joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/><joint name="y" type="hinge" axis="0 1 0"/>
<geom name="torso" type="capsule" condim="1" fromto="-0.3 0 0 0.3 0 0" size="0.05"/>
<body name="arm" pos="0.3 0 0"><joint name="arm" type="hinge" axis="0 -1 0" range="-1 1" limited="true"/>
<geom name="arm" type="capsule" condim="1" fromto="0 0 0 0 0 -0.3" size="0.04"/>
<body name="hand" pos="0 0 -0.3"><joint name="hand" type="hinge" axis="0 1 0"/>
<geom name="hand" type="capsule" condim="1" fromto="0 0 0 0.1 0 0" size="0.03"/></body></body></body></worldbody>
<actuator><motor joint="arm" gear="10" ctrllimited="true" ctrlrange="-1 1"/></actuator></mujoco>"#;

const TASK: &str = r#"doc = "A rover."
asset = "rover.xml"
capsule_mass = "exact"
frame_skip = 3
max_episode_steps = 100
observation = { qpos_from = 1 }
reward = { forward_velocity = 1.0, control_cost = 0.1 }
reset = { qpos = { normal = 0.1 }, qvel = { uniform = 0.1 } }
"#;

fn all_constants(task: &Task, redrawn: bool) -> Vec<Constants> {
    let gaps = [
        task.gap("gravity=1.1").unwrap(),
        task.gap("joint-noise,delay=3,dead-zone,sensor-noise,sensor-bias")
            .unwrap(),
    ];
    let dynamics = Dynamics::new(task, &gaps[..if redrawn { 2 } else { 1 }]).unwrap();
    let (shape, tables) = tables(&dynamics.models(), 1).unwrap();
    let qpos0 = vec![vec![0.0; shape.nv()]; tables.len()];
    let channels: Vec<_> = dynamics.rows.iter().map(|r| r.channel.clone()).collect();
    vec![
        topology(&shape, task.frame_skip),
        ParamRows::new(&shape, &tables, &channels, task.obs_dim(), &qpos0).constants(true),
        constants::task(task, redrawn),
        network(&[task.obs_dim(), 256, 256, 2 * task.act_dim()], 16),
    ]
}

fn validated(kernel: Shader, constants: &[Constants], defs: &[&str]) -> naga::Module {
    let all: Vec<_> = constants.iter().collect();
    let module = compose(kernel, &all, defs).unwrap_or_else(|e| panic!("{e}"));
    let mut validator = naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::empty(),
    );
    validator
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}: {e:?}", kernel.stem));
    assert!(module.entry_points.iter().any(|e| e.name == kernel.stem));
    module
}

#[test]
fn every_shader_compiles_for_every_robot() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rover.xml"), ROBOT).unwrap();
    let own = folder.path().join("rover.toml");
    std::fs::write(&own, TASK).unwrap();
    for name in [
        "halfcheetah-v2",
        "walker2d-v5",
        "hopper-v2",
        "wheelleg-stand",
        &own.to_string_lossy(),
    ] {
        let task = Task::load(name).unwrap_or_else(|e| panic!("{e}"));
        for redrawn in [false, true] {
            let constants = all_constants(&task, redrawn);
            for kernel in Shader::ALL {
                validated(*kernel, &constants, &[]);
            }
            validated(Shader::ENV_STEP, &constants, &["TRANSITIONS"]);
            validated(Shader::PHYSICS_STEP, &constants, &["TRACE_ROWS"]);
        }
    }
}

#[test]
fn structures_lie_as_in_rust() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let module = validated(
        Shader::ENV_STEP,
        &all_constants(&task, false),
        &["TRANSITIONS"],
    );
    let shared = module
        .global_variables
        .iter()
        .find_map(|(_, v)| match v.space {
            naga::AddressSpace::Uniform => Some(v.ty),
            _ => None,
        });
    let naga::TypeInner::Struct { members, span } = &module.types[shared.unwrap()].inner else {
        panic!("the uniforms are no structure");
    };
    assert_eq!(*span as usize, size_of::<Dispatch>());
    let offsets: HashMap<_, _> = members
        .iter()
        .map(|m| (m.name.as_deref().unwrap(), m.offset as usize))
        .collect();
    macro_rules! field {
        ($($name:ident)*) => {
            [$((stringify!($name), offset_of!(Dispatch, $name))),*]
        };
    }
    let rust = field!(
        num_envs tick frames policy_step slot slots first_member per_member autoreset samples seed_low seed_high
    );
    assert_eq!(offsets.len(), rust.len());
    for (name, offset) in rust {
        assert_eq!(offsets.get(name), Some(&offset), "{name}");
    }
}
