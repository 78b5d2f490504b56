"""Record the hopper's and the wheel-legged robot's transitions that tests/parity and `h2oplus verify physics` compare with.

    pip install mujoco gymnasium safetensors
    python tests/reference/physics/record.py

Each row is a transition of its own: a state, an action, and the states after one physics step and
after one env step, by MuJoCo's Newton solver at tolerance 0 from a cold start. The robot is
Gymnasium's hopper.xml, or assets/wheel_legged.xml. For v2 (D4RL) its capsules weigh as MuJoCo up to 2.1.0 had it, and a contact's
margin is the larger of two, not their sum.

Rows in which the centre lines of two limbs cross at some evaluation are left out: MuJoCo's
contact normal is then decided by rounding.
"""
import pathlib

import gymnasium
import mujoco
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
ASSET = pathlib.Path(gymnasium.__file__).parent / "envs/mujoco/assets/hopper.xml"
WHEELS = HERE.parents[2] / "assets/wheel_legged.xml"
ROWS, FRAME_SKIP = 160, 4


def load(version, gravity=1.0):
    model = mujoco.MjModel.from_xml_path(str(ASSET))
    model.opt.gravity *= gravity
    model.opt.tolerance, model.opt.ls_tolerance, model.opt.iterations = 0, 1e-12, 200
    if version == "v2":
        model.geom_margin /= 2
        for geom in range(1, model.ngeom):
            body, (r, half) = model.geom_bodyid[geom], model.geom_size[geom][:2]
            length = 2 * half + r
            mass = 1000 * np.pi * r * r * length
            model.body_mass[body] = mass
            model.body_inertia[body] = mass * np.array([(3 * r * r + length**2) / 12] * 2 + [r * r / 2])
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


class Simulator:
    """Steps a model from given states and remembers which rows its evaluations had."""

    def __init__(self, model):
        self.model, self.data = model, mujoco.MjData(model)
        mujoco.set_mjcb_control(self.watch)

    def watch(self, model, data):
        for i in range(data.ncon):
            contact = data.contact[i]
            a, b = contact.geom
            self.crossed |= bool(
                min(a, b) > 0 and contact.dist < 1e-9 - model.geom_size[a][0] - model.geom_size[b][0]
            )
            self.touched |= min(a, b) > 0

    def run(self, qpos, qvel, action, frames):
        data = self.data
        mujoco.mj_resetData(self.model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, action
        self.crossed = self.touched = False
        for _ in range(frames):
            mujoco.mj_step(self.model, data)
        return data.qpos.copy(), data.qvel.copy()

    def first_rows(self, qpos, qvel):
        data = self.data
        mujoco.mj_resetData(self.model, data)
        data.qpos[:], data.qvel[:] = qpos, qvel
        self.crossed = self.touched = False
        mujoco.mj_forward(self.model, data)
        limits = np.sum(data.efc_type[: data.nefc] == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT)
        return data.ncon, limits


def pose(rng):
    """Joints within their ranges, the torso at some height."""
    q = np.zeros(6)
    q[0], q[1], q[2] = rng.uniform(-20, 20), rng.uniform(0.8, 2.5), rng.normal(0, 0.6)
    q[3:] = rng.uniform([-2.6, -2.6, -0.78], [0, 0, 0.78])
    return q


def lowest(sim, q):
    """Height of the lowest point of the robot above the floor."""
    sim.first_rows(q, np.zeros(6))
    m, d = sim.model, sim.data
    ends = [
        d.geom_xpos[g][2] - abs(d.geom_xmat[g].reshape(3, 3)[2, 2]) * m.geom_size[g][1] - m.geom_size[g][0]
        for g in range(1, m.ngeom)
    ]
    return min(ends)


def states(sim, rng):
    """Endless states: rollouts without termination, in the air, pressed down, at limits."""
    while True:
        # A rollout, some of whose states are taken.
        q, v = pose(rng) * 0, np.zeros(6)
        q[1] = 1.25
        for step in range(rng.integers(20, 300)):
            q, v = sim.run(q, v, rng.uniform(-1.3, 1.3, 3), FRAME_SKIP)
        yield q, v
        q = pose(rng)
        yield q, rng.normal(0, rng.choice([0.5, 3, 8]), 6)
        q = pose(rng)
        q[1] -= lowest(sim, q) + rng.uniform(0, 0.08)
        yield q, rng.normal(0, rng.choice([0.3, 2, 5]), 6)
        q = pose(rng)
        over = rng.exponential(0.03, 3)
        side = rng.random(3) < 0.5
        bound = np.where(side, [-2.6179938779914944] * 2 + [-0.7853981633974483], [0, 0, 0.7853981633974483])
        at = rng.random(3) < 0.6
        q[3:] = np.where(at, bound + np.where(side, -over, over), q[3:])
        yield q, rng.normal(0, rng.choice([0.3, 2, 6]), 6)


def folded(sim, rng):
    """Endless states in which limbs touch, or are about to."""
    while True:
        q = pose(rng)
        if rng.random() < 0.85:
            # The knee bent until leg or foot meet the torso.
            q[4] = rng.uniform(-2.7, -1.5)
        else:
            # The foot beyond its range, against the thigh.
            q[4], q[5] = rng.uniform(-2.8, -2.5), rng.uniform(0.7, 1.2) * rng.choice([-1, 1])
        if rng.random() < 0.3:
            q[1] -= lowest(sim, q) + rng.uniform(0, 0.03)
        v = rng.normal(0, rng.choice([0.5, 3, 6]), 6)
        sim.first_rows(q, v)
        if sim.touched or rng.random() < 0.1:
            yield q, v


def wheel_states(sim, rng):
    """Endless states of the wheel-legged robot: balanced and pushed about, skidding, in the air, fallen."""
    while True:
        q, v = rng.uniform(-0.01, 0.01, 4), rng.normal(0, 0.1, 4)
        for step in range(rng.integers(20, 300)):
            torque = 60 * q[2] + 8 * v[2] + 1.5 * q[0] + 3 * v[0] + rng.normal(0, 2)
            q, v = sim.run(q, v, np.clip(torque, -6, 6), 3)
        yield q, v
        # The wheel turns at another speed than the robot moves at: it slides.
        q = np.array([rng.uniform(-20, 20), -rng.exponential(0.001), rng.normal(0, 0.3), rng.uniform(-50, 50)])
        v = rng.normal(0, [2, 0.1, 2, 20])
        yield q, v
        q = np.array([rng.uniform(-20, 20), rng.uniform(0, 0.2), rng.normal(0, 0.5), rng.uniform(-9, 9)])
        yield q, rng.normal(0, [1, 1, 3, 10])
        # On its back or its belly, and pressed into the floor.
        angle = rng.choice([-1, 1]) * rng.uniform(1.2, 2)
        low = min(0.3 * np.cos(angle) - abs(0.12 * np.sin(angle)) - 0.09, -0.1)
        q = np.array([rng.uniform(-20, 20), -0.1 - low - rng.exponential(0.002), angle, rng.uniform(-9, 9)])
        yield q, rng.normal(0, [0.5, 0.5, 1, 10])


def record_wheels(task, gap, seed, edit=lambda model: None):
    mujoco.set_mjcb_control(None)
    model = mujoco.MjModel.from_xml_path(str(WHEELS))
    edit(model)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    model.opt.tolerance, model.opt.ls_tolerance, model.opt.iterations = 0, 1e-12, 200
    rng, sim = np.random.default_rng(seed), Simulator(model)
    rows = []
    for q, v in wheel_states(sim, rng):
        action = rng.uniform(-6, 6, 1) if rng.random() < 0.8 else rng.uniform(-9, 9, 1)
        contacts, limits = sim.first_rows(q, v)
        first, last = sim.run(q, v, action, 1), sim.run(q, v, action, 3)
        (x, _, pitch, _), (speed, _, rate, _) = last
        fell = not abs(pitch) < 0.7
        if task == "wheelleg-stand":
            reward = 30 - x**2 - speed**2 - pitch**2 - rate**2 - action[0] ** 2
        else:
            reward = 15 - (speed - 0.2) ** 2 - action[0] ** 2
        rows.append((q, v, action, *first, *last, reward, fell, contacts, limits))
        if len(rows) == ROWS:
            break
    write(f"{task}-{gap}", model, rows, 3)
    print(task, gap, len(rows), "rows, touching in", sum(row[9] > 0 for row in rows))


def carpet(model):
    """soft-floor=16, rolling-resistance=0.003, motor-friction=0.03."""
    floor, wheel = (mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, n) for n in ("floor", "wheel"))
    model.geom_solref[floor][0] *= 16
    model.geom_friction[wheel][2] += 0.003
    model.dof_damping[3] += 0.03


def record(name, version, source, seed, gravity=1.0):
    mujoco.set_mjcb_control(None)
    model = load(version, gravity)
    rng, sim = np.random.default_rng(seed), Simulator(model)
    rows, hit = [], 0
    for q, v in source(sim, rng):
        action = rng.uniform(-1, 1, 3) if rng.random() < 0.7 else rng.uniform(-2, 2, 3)
        contacts, limits = sim.first_rows(q, v)
        first = sim.run(q, v, action, 1)
        last = sim.run(q, v, action, FRAME_SKIP)
        if sim.crossed:
            continue
        hit += sim.touched
        state = np.concatenate((last[0][2:], last[1]))
        fell = not (last[0][1] > 0.7 and abs(last[0][2]) < 0.2 and np.all(np.abs(state) < 100))
        forward = (last[0][0] - q[0]) / (FRAME_SKIP * model.opt.timestep)
        alive = 0.0 if fell and version == "v5" else 1.0
        reward = forward + alive - 1e-3 * np.sum(np.square(action))
        rows.append((q, v, action, *first, *last, reward, fell, contacts, limits))
        if len(rows) == ROWS:
            break
    write(name, model, rows, FRAME_SKIP)
    print(name, len(rows), "rows, limbs touch in", hit)


def write(name, model, rows, frame_skip):
    names = "qpos qvel action qpos_step qvel_step qpos_env qvel_env reward terminated contacts limits".split()
    flags = ("terminated", "contacts", "limits")
    tensors = {
        n: np.ascontiguousarray(np.array(c, np.uint8 if n in flags else np.float64))
        for n, c in zip(names, zip(*rows))
    }
    for n in ("body_mass", "body_invweight0", "dof_invweight0"):
        whole = getattr(model, n)
        tensors[n] = np.ascontiguousarray(whole[1:] if n.startswith("body") else whole)
    about = {
        "frame_skip": str(frame_skip),
        "timestep": str(model.opt.timestep),
        "mujoco": mujoco.__version__,
        "solver": "Newton, tolerance 0, 200 iterations",
    }
    save_file(tensors, HERE / f"{name}.safetensors", about)
    (HERE / f"{name}.safetensors").chmod(0o644)


if __name__ == "__main__":
    record("hopper-v2-none", "v2", states, 1)
    record("hopper-v2-gravity", "v2", states, 2, gravity=2.0)
    record("hopper-v4-none", "v4", states, 3)
    record("hopper-v5-none", "v5", states, 4)
    record("hopper-v2-none@folded", "v2", folded, 5)
    record("hopper-v5-none@folded", "v5", folded, 6)
    record_wheels("wheelleg-stand", "none", 7)
    record_wheels("wheelleg-forward", "none", 8)
    record_wheels("wheelleg-stand", "motor-friction=0.03,rolling-resistance=0.003,soft-floor=16", 9, carpet)
