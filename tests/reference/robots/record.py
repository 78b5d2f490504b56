"""Record transitions of robots that are no embedded task: an example's and a test's.

    pip install mujoco safetensors
    python tests/reference/robots/record.py

As tests/reference/physics/record.py, for any MJCF file and its task.toml. A quarter of the poses are
in the air, a quarter pressed into the floor, and in half of them limbs touch each other.
"""
import os
import pathlib
import tomllib

import mujoco
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
ROWS = 120


def record(name, task_path, seed):
    task_path = (HERE / task_path).resolve()
    task = tomllib.loads(task_path.read_text())
    mujoco.set_mjcb_control(None)
    model = mujoco.MjModel.from_xml_path(str(task_path.parent / task["asset"]))
    model.opt.tolerance, model.opt.ls_tolerance, model.opt.iterations = 0, 1e-12, 200
    data, rng, frames = mujoco.MjData(model), np.random.default_rng(seed), task["frame_skip"]
    seen = {}

    def watch(m, d):
        for i in range(d.ncon):
            a, b = d.contact[i].geom
            if min(a, b) > 0:
                seen["touched"] = True
                if d.contact[i].dist < 1e-9 - m.geom_size[a][0] - m.geom_size[b][0]:
                    seen["crossed"] = True

    mujoco.set_mjcb_control(watch)

    def run(q, v, action, steps):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, v, action
        seen.clear()
        if steps == 0:
            mujoco.mj_forward(model, data)
        for _ in range(steps):
            mujoco.mj_step(model, data)
        return data.qpos.copy(), data.qvel.copy()

    def lowest(q):
        run(q, 0, 0, 0)
        ends = [
            data.geom_xpos[g][2] - abs(data.geom_xmat[g].reshape(3, 3)[2, 2]) * model.geom_size[g][1] - model.geom_size[g][0]
            for g in range(1, model.ngeom)
        ]
        return min(ends)

    def healthy(q, v):
        one = all(h["range"][0] < q[h["qpos"]] < h["range"][1] for h in task["healthy"])
        rest = task["healthy_state"]
        state = np.concatenate((q[rest["qpos_from"] :], v))
        return one and np.all((rest["range"][0] < state) & (state < rest["range"][1]))

    rows, hit = [], 0
    while len(rows) < ROWS:
        kind = len(rows) % 4
        lo, hi = model.jnt_range[3:].T
        q = np.concatenate(([rng.uniform(-5, 5), 1.5, rng.normal(0, 0.5)], rng.uniform(lo - 0.03, hi + 0.03)))
        if kind == 1 or rng.random() < 0.2:
            q[1] -= lowest(q) + rng.uniform(0, 0.05)
        v = rng.normal(0, rng.choice([0.5, 2, 5]), model.nv)
        action = rng.uniform(-1.3, 1.3, model.nu)
        run(q, v, action, 0)
        if kind >= 2 and not seen.get("touched"):
            continue
        first = run(q, v, action, 1)
        last = run(q, v, action, frames)
        if seen.get("crossed"):
            continue
        hit += bool(seen.get("touched"))
        well, pay = healthy(*last), task["reward"]
        reward = pay["forward_velocity"] * (last[0][0] - q[0]) / (frames * model.opt.timestep)
        reward += pay["healthy"] * (well or pay["healthy_on_fall"]) - pay["control_cost"] * np.sum(action**2)
        rows.append((q, v, action, *first, *last, reward, not well))
    names = "qpos qvel action qpos_step qvel_step qpos_env qvel_env reward terminated".split()
    tensors = {
        n: np.ascontiguousarray(np.array(c, np.uint8 if n == "terminated" else np.float64))
        for n, c in zip(names, zip(*rows))
    }
    about = {"task": os.path.relpath(task_path, HERE), "gap": "none", "mujoco": mujoco.__version__}
    save_file(tensors, HERE / f"{name}.safetensors", about)
    (HERE / f"{name}.safetensors").chmod(0o644)
    print(name, len(rows), "rows, limbs touch in", hit)


if __name__ == "__main__":
    record("monoped", "../../../envs/monoped/task.toml", 1)
    record("biped", "biped.toml", 2)
    record("roller", "roller.toml", 3)
