"""Record what MuJoCo makes of the robots that ODRL and OTDF publish: compiled numbers, and transitions.

    pip install mujoco==2.3.3 numpy safetensors      # the last that reads coordinate="global"
    python tests/reference/odrl/record.py ODRL OTDF  # clones of the two benchmarks' repositories

It writes `models.safetensors`, the compiled numbers of all 60 + 9 robots and of global.xml, and in ../physics the
transitions of some of them, as ../physics/record.py does.

MuJoCo after 2.1 weighs a capsule as a cylinder and two half spheres; `models` is what it says.
In the transitions capsules weigh as in MuJoCo 2.1, on which both benchmarks run, and as in our v2 tasks.
"""
import pathlib
import re
import sys
import tempfile

import mujoco
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
ROWS = 64
FRAME_SKIP = {"halfcheetah": 5, "walker2d": 4, "hopper": 4}
SHIFTS = {
    "halfcheetah": ("kinematic_thighjnt", "kinematic_footjnt", "morph_torso", "morph_thigh"),
    "walker2d": ("kinematic_thighjnt", "kinematic_footjnt", "morph_torso", "morph_leg"),
    "hopper": ("kinematic_legjnt", "kinematic_footjnt", "morph_torso", "morph_foot"),
}
# OTDF's kinematic shifts are set by its program: joint, and factors of its two limits.
KINEMATIC = {
    "halfcheetah": {"bthigh": (0.01, 0.01)},
    "walker2d": {"foot_joint": (0.01, 0.01)},
    "hopper": {"thigh_joint": (0.001, 1), "foot_joint": (0.4, 0.4)},
}
TRANSITIONS = [
    "halfcheetah_friction_0.1", "halfcheetah_kinematic_thighjnt_hard", "halfcheetah_morph_torso_medium",
    "halfcheetah_morph_thigh_hard", "halfcheetah_morph",
    "walker2d_gravity_0.5", "walker2d_kinematic_footjnt_hard", "walker2d_morph_torso_hard",
    "walker2d_morph_leg_easy", "walker2d_morph",
    "hopper_friction_5.0", "hopper_kinematic_legjnt_medium", "hopper_morph_torso_hard",
    "hopper_morph_foot_hard", "hopper_kinematic",
]


def compiled(path):
    """The file's model. MuJoCo 2.1 reads `0.2/2` as 0.2 and stops there; 2.3.3 refuses it."""
    text = re.sub(r'pos="([0-9.]+)/2 [^"]*"', r'pos="\1 0 0"', path.read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(text)
        file.flush()
        return mujoco.MjModel.from_xml_path(file.name)


def robots(odrl, otdf):
    """Name and compiled model of every planar robot of the two benchmarks."""
    for robot, shifts in SHIFTS.items():
        names = [f"{s}_{k}" for s in ("friction", "gravity") for k in ("0.1", "0.5", "2.0", "5.0")]
        names += [f"{s}_{level}" for s in shifts for level in ("easy", "medium", "hard")]
        for name in names:
            yield f"{robot}_{name}", compiled(odrl / f"envs/mujoco/assets/{robot}_{name}.xml")
        theirs = {"walker2d": "walker"}.get(robot, robot)
        yield f"{robot}_morph", compiled(otdf / f"envs/assets/{theirs}_morph.xml")
        yield f"{robot}_otdf_gravity_0.5", compiled(otdf / f"envs/assets/{theirs}_gravity.xml")
        plain = {"halfcheetah": "half_cheetah"}.get(robot, robot)
        model = compiled(odrl / f"envs/mujoco/assets/{plain}.xml")
        for joint, factors in KINEMATIC[robot].items():
            model.jnt_range[model.joint(joint).id] *= factors
        yield f"{robot}_kinematic", model
    yield "global_plain", compiled(HERE / "global.xml")


def numbers(model):
    """What the plane needs of a model, at its reference pose."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    root = 2  # joints: slide x, slide z, root hinge, then a hinge a body
    anchor = np.array([data.xanchor[root + b] for b in range(model.nbody - 1)])[:, [0, 2]]
    parent = model.body_parentid[1:] - 1
    inertia = [np.array(m).reshape(3, 3) for m in data.ximat[1:]]
    geoms = range(1, model.ngeom)
    body = model.geom_bodyid[1:] - 1
    axis = np.array([data.geom_xmat[g].reshape(3, 3)[[0, 2], 2] * model.geom_size[g][1] for g in geoms])
    centre = np.array([data.geom_xpos[g][[0, 2]] - anchor[b] for g, b in zip(geoms, body)])
    return {
        "mass": model.body_mass[1:],
        "inertia": [(r @ np.diag(i) @ r.T)[1, 1] for r, i in zip(inertia, model.body_inertia[1:])],
        "com": data.xipos[1:][:, [0, 2]] - anchor,
        "offset": [anchor[b] - anchor[p] if p >= 0 else [0, 0] for b, p in enumerate(parent)],
        "body_invweight": model.body_invweight0[1:, 0],
        "dof_invweight": model.dof_invweight0,
        "range": np.where(model.jnt_limited[:, None] > 0, model.jnt_range, 0),
        "armature": model.dof_armature,
        "damping": model.dof_damping,
        "stiffness": model.jnt_stiffness,
        "gear": model.actuator_gear[:, 0],
        "friction": np.maximum(model.geom_friction[1:, 0], model.geom_friction[0, 0]),
        "radius": model.geom_size[1:, 0],
        "end_1": centre + axis,
        "end_2": centre - axis,
        # Height of the root at qpos 0, gravity, step, Runge-Kutta or not, pairs of limbs that may touch.
        "option": [anchor[0][1] - model.qpos0[1], model.opt.gravity[2], model.opt.timestep, model.opt.integrator],
    }


def record_models(all_models):
    names, rows = {}, {}
    for name, model in all_models:
        robot = name.split("_")[0]
        names.setdefault(robot, []).append(name.split("_", 1)[1])
        for key, value in numbers(model).items():
            rows.setdefault(f"{robot}.{key}", []).append(np.array(value, np.float64))
    tensors = {key: np.ascontiguousarray(np.stack(values)) for key, values in rows.items()}
    about = {robot: " ".join(all_names) for robot, all_names in names.items()}
    save_file(tensors, HERE / "models.safetensors", about | {"mujoco": mujoco.__version__})
    print({robot: len(all_names) for robot, all_names in names.items()})


def weigh_as_21(model, total):
    """Capsules as cylinders of length 2h + r, as MuJoCo 2.1 has them."""
    for b in range(1, model.nbody):
        parts = []
        for g in np.flatnonzero(model.geom_bodyid == b):
            r, half = model.geom_size[g][:2]
            length = 2 * half + r
            mass = 1000 * np.pi * r * r * length
            parts.append((mass, mass * (3 * r * r + length**2) / 12, model.geom_pos[g]))
        mass = sum(m for m, _, _ in parts)
        com = sum(m * p for m, _, p in parts) / mass
        inertia = sum(i + m * np.sum((p - com) ** 2) for m, i, p in parts)
        model.body_mass[b], model.body_ipos[b], model.body_inertia[b] = mass, com, inertia
        model.body_iquat[b] = [1, 0, 0, 0]
    # No frame is another's any more: MuJoCo would copy the one for the other.
    model.body_sameframe[:], model.geom_sameframe[:] = 0, 0
    # The boxes in which it looks for contacts lie in the frames that the bodies had.
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    if total:
        scale = total / model.body_mass.sum()
        model.body_mass *= scale
        model.body_inertia *= scale
    mujoco.mj_setConst(model, mujoco.MjData(model))


class Simulator:
    """Steps a model from given states and remembers whether limbs crossed."""

    def __init__(self, model, frames):
        self.model, self.data, self.frames = model, mujoco.MjData(model), frames
        mujoco.set_mjcb_control(self.watch)

    def watch(self, model, data):
        for contact in data.contact[: data.ncon]:
            a, b = contact.geom1, contact.geom2
            if min(a, b) > 0:
                self.crossed |= contact.dist < 1e-9 - model.geom_size[a][0] - model.geom_size[b][0]

    def start(self, q, v):
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:], self.data.qvel[:] = q, v
        self.crossed = False

    def run(self, q, v, action, frames):
        self.start(q, v)
        self.data.ctrl[:] = action
        for _ in range(frames):
            mujoco.mj_step(self.model, self.data)
        return self.data.qpos.copy(), self.data.qvel.copy()

    def first_rows(self, q, v):
        self.start(q, v)
        mujoco.mj_forward(self.model, self.data)
        limits = np.sum(self.data.efc_type[: self.data.nefc] == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT)
        return self.data.ncon, limits

    def lowest(self, q):
        self.first_rows(q, 0 * q)
        m, d = self.model, self.data
        return min(
            d.geom_xpos[g][2] - abs(d.geom_xmat[g].reshape(3, 3)[2, 2]) * m.geom_size[g][1] - m.geom_size[g][0]
            for g in range(1, m.ngeom)
        )


def states(sim, rng):
    """Endless states: roll-outs without termination, in the air, pressed down, at limits."""
    m = sim.model
    lo, hi = m.jnt_range[3:].T

    def pose():
        q = m.qpos0.copy()
        q[0], q[1], q[2] = rng.uniform(-20, 20), q[1] + rng.uniform(-0.4, 1.2), rng.normal(0, 0.6)
        q[3:] = rng.uniform(lo, hi)
        return q

    while True:
        q, v = m.qpos0.copy(), np.zeros(m.nv)
        for _ in range(rng.integers(20, 200)):
            q, v = sim.run(q, v, rng.uniform(-1.3, 1.3, m.nu), sim.frames)
        if np.all(np.abs(v) < 100):
            yield q, v
        yield pose(), rng.normal(0, rng.choice([0.5, 3, 8]), m.nv)
        q = pose()
        q[1] -= sim.lowest(q) + rng.uniform(0, 0.06)
        yield q, rng.normal(0, rng.choice([0.3, 2, 5]), m.nv)
        q, over = pose(), rng.exponential(0.03, m.nu)
        at = np.where(rng.random(m.nu) < 0.5, lo - over, hi + over)
        q[3:] = np.where(rng.random(m.nu) < 0.6, at, q[3:])
        yield q, rng.normal(0, rng.choice([0.3, 2, 6]), m.nv)


def fell(robot, q, v):
    if robot == "walker2d":
        return not (0.8 < q[1] < 2 and abs(q[2]) < 1)
    if robot == "hopper":
        return not (q[1] > 0.7 and abs(q[2]) < 0.2 and np.all(np.abs(np.concatenate((q[2:], v))) < 100))
    return False


def record_transitions(name, model, seed):
    mujoco.set_mjcb_control(None)
    robot, gap = name.split("_", 1)
    frames, cheetah = FRAME_SKIP[robot], robot == "halfcheetah"
    weigh_as_21(model, 14 if cheetah else None)
    model.opt.tolerance, model.opt.iterations = 0, 200
    rng, sim, rows = np.random.default_rng(seed), Simulator(model, frames), []
    for q, v in states(sim, rng):
        action = rng.uniform(-1, 1, model.nu) * (1 if rng.random() < 0.7 else 2)
        contacts, limits = sim.first_rows(q, v)
        first, last = sim.run(q, v, action, 1), sim.run(q, v, action, frames)
        if sim.crossed or not np.all(np.isfinite(last)):
            continue
        reward = (last[0][0] - q[0]) / (frames * model.opt.timestep)
        reward += -0.1 * np.sum(np.square(action)) if cheetah else 1 - 1e-3 * np.sum(np.square(action))
        rows.append((q, v, action, *first, *last, reward, fell(robot, *last), contacts, limits))
        if len(rows) == ROWS:
            break
    names = "qpos qvel action qpos_step qvel_step qpos_env qvel_env reward terminated contacts limits".split()
    flags = ("terminated", "contacts", "limits")
    tensors = {
        n: np.ascontiguousarray(np.array(c, np.uint8 if n in flags else np.float64))
        for n, c in zip(names, zip(*rows))
    }
    tensors["body_mass"] = np.ascontiguousarray(model.body_mass[1:])
    tensors["body_invweight0"] = np.ascontiguousarray(model.body_invweight0[1:])
    tensors["dof_invweight0"] = np.ascontiguousarray(model.dof_invweight0)
    about = {
        "frame_skip": str(frames),
        "timestep": str(model.opt.timestep),
        "mujoco": mujoco.__version__,
        "solver": "Newton, tolerance 0, 200 iterations",
    }
    save_file(tensors, HERE / f"../physics/{robot}-v2-{gap}.safetensors", about)
    print(name, {k: float(np.mean(tensors[k])) for k in flags})


if __name__ == "__main__":
    found = dict(robots(*map(pathlib.Path, sys.argv[1:3])))
    record_models(found.items())
    for seed, name in enumerate(TRANSITIONS):
        record_transitions(name, found[name], seed)
