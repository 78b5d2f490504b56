"""Record whole episodes of Gymnasium's Hopper: what it observes, pays and when it ends.

    pip install "gymnasium[mujoco]" safetensors
    python tests/reference/gymnasium/record.py

Each file holds episodes of one version, one after the other; `start` marks the first step of each, whose
state is (`qpos`, `qvel`). In the last episode a joint turns faster than the healthy state allows.
"""
import pathlib

import gymnasium
import mujoco
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent


def record(name):
    env = gymnasium.make(name).unwrapped
    rng = np.random.default_rng(7)
    rows = []
    for episode in range(8):
        env.reset(seed=episode)
        if episode == 7:
            qvel = env.data.qvel.copy()
            qvel[5] = 140.0
            env.set_state(env.data.qpos.copy(), qvel)
        for step in range(80):
            state = env.data.qpos.copy(), env.data.qvel.copy()
            # Weak actions stand for a while, strong ones fall at once.
            action = rng.uniform(-1, 1, 3) * [0.1, 0.3, 1.0][episode % 3]
            obs, reward, terminated, _, _ = env.step(action)
            rows.append((*state, action, obs, reward, terminated, step == 0))
            if terminated:
                break
    names = "qpos qvel action obs reward terminated start".split()
    flags = ("terminated", "start")
    tensors = {
        n: np.ascontiguousarray(np.array(c, np.uint8 if n in flags else np.float64)) for n, c in zip(names, zip(*rows))
    }
    about = {"gymnasium": gymnasium.__version__, "mujoco": mujoco.__version__}
    path = HERE / f"{name.lower()}.safetensors"
    save_file(tensors, path, about)
    path.chmod(0o644)
    print(name, len(rows), "steps,", int(sum(r[5] for r in rows)), "falls")


if __name__ == "__main__":
    record("Hopper-v4")
    record("Hopper-v5")
