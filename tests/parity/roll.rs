//! Wheels: balls that roll on the floor, with and without resistance.

use crate::physics::run;
use h2oplus::engine::planar::{PlanarBatch, Precision};
use h2oplus::engine::rapier::{Robot, Scratch, World};
use h2oplus::model::{CapsuleMass, Model, Spec};
use std::path::{Path, PathBuf};

fn roller() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/robots/roller.safetensors")
}

/// What the rows of rolling are made of: a little more must show against MuJoCo's numbers, in float64.
#[test]
fn what_is_off_in_rolling_is_seen() {
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 4] = [
        ("rolling friction", |m| {
            m.points.iter_mut().for_each(|p| p.rolling *= 1.01)
        }),
        ("rows of spin", |m| {
            let spins = m.points.iter_mut().filter(|p| p.condim == 4);
            spins.for_each(|p| p.condim = 3)
        }),
        ("rows of rolling", |m| {
            let rolls = m.points.iter_mut().filter(|p| p.condim == 6);
            rolls.for_each(|p| p.condim = 4)
        }),
        ("radius of a wheel", |m| {
            let wheels = m.points.iter_mut().filter(|p| p.condim == 6);
            wheels.for_each(|p| p.radius *= 1.001)
        }),
    ];
    for (what, edit) in edits {
        let c = run(&roller(), Precision::F64, edit);
        assert!(c.qvel_env.max > 1e-6, "{what} passed: {:?}", c.qvel_env);
    }
}

/// A ball on the floor, root and wheel in one: radius 0.1 m, 2 kg.
fn ball(friction: &str, condim: u32) -> Model {
    let text = format!(
        r#"<mujoco model="ball">
  <option timestep="0.002"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 9" friction="{friction}"/>
    <body name="ball" pos="0 0 0.1">
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 0 1"/>
      <joint type="hinge" axis="0 1 0"/>
      <geom size="0.1" mass="2" condim="{condim}" friction="{friction}"/>
    </body>
  </worldbody>
</mujoco>"#
    );
    let mut spec = Spec::parse("ball.xml", &text).unwrap();
    spec.compiler.capsule_mass = CapsuleMass::Exact;
    spec.compile().unwrap()
}

/// Speed (m/s) and spin (rad/s) of the ball a second after it slid off at 1 m/s without spin.
fn bowled(model: &Model) -> [f64; 2] {
    let mut batch = PlanarBatch::new(std::slice::from_ref(model), 1, Precision::F64).unwrap();
    batch.set_state(0, &[0.0, -1e-5, 0.0], &[1.0, 0.0, 0.0]);
    batch.step(500);
    let qvel = batch.qvel();
    [qvel[0], qvel[2]]
}

/// Friction of ball and floor, condim, and the speed and spin that MuJoCo 4.0.0 ends at (tolerance 0).
const BOWLED: [(&str, u32, [f64; 2]); 4] = [
    ("0.5 0.005 0", 3, [0.714128639, 7.14290883]),
    ("0.01 0.005 0", 3, [0.90184145, 2.45354439]),
    ("0.5 0.005 0.01", 6, [0.14089956, 1.23321714]),
    ("0.5 0.005 0.002", 6, [0.5897367, 5.7547688]),
];

#[test]
fn a_bowled_ball_slides_rolls_and_slows_as_mujocos() {
    for (friction, condim, [v, w]) in BOWLED {
        let [is_v, is_w] = bowled(&ball(friction, condim));
        let off = (is_v - v).abs().max(0.1 * (is_w - w).abs());
        assert!(off < 1e-7, "{friction}, {condim}: {is_v} m/s, {is_w} rad/s");
        // Resistance shows.
        let [other, _] = bowled(&ball(friction, 9 - condim));
        let resists = !friction.ends_with(" 0");
        assert_eq!((other - v).abs() > 1e-3, resists, "{friction}: {other}");
    }
}

#[test]
fn a_ball_that_is_not_resisted_ends_up_rolling_without_slip() {
    let [v, w] = bowled(&ball("0.5 0.005 0", 3));
    assert!((v / (0.1 * w) - 1.0).abs() < 1e-3, "v {v}, R w {}", 0.1 * w);
    // m v R + I w is kept about a point of the floor, I = 2/5 m R^2: five sevenths of the speed are left.
    assert!((v - 5.0 / 7.0).abs() < 1e-3, "{v}");
    // A floor that hardly grips lets it slide.
    let [v, w] = bowled(&ball("0.01 0.005 0", 3));
    assert!(v > 0.8 && 0.1 * w < 0.5 * v, "v {v}, R w {}", 0.1 * w);
}

/// Rapier has no rolling friction: a torque stands for it.
#[test]
fn a_ball_is_resisted_in_rapier_too() {
    let speed = |condim| {
        let robot = Robot::new(&ball("0.5 0.005 0.002", condim)).unwrap();
        let mut world = World::of(&robot);
        world.set_state(&robot, &[0.0, -1e-5, 0.0], &[1.0, 0.0, 0.0]);
        world.step(&mut Scratch::new(), &robot, &[], 500);
        let (mut qpos, mut qvel) = ([0.0; 3], [0.0; 3]);
        world.state(&robot, &mut qpos, &mut qvel);
        qvel[0]
    };
    let (free, resisted) = (speed(3), speed(6));
    assert!((free - 5.0 / 7.0).abs() < 0.02, "{free}");
    // 2 mm of 1.96 N m, on a ball that weighs 7/5 of its mass while it rolls.
    let slower = 0.002 * 9.81 / 0.1 / 1.4;
    assert!(
        (free - resisted - slower).abs() < 0.3 * slower,
        "{free}, {resisted}"
    );
}
