"""`RobotEnv`: one robot behind `gymnasium.Env`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from h2oplus._vector import RobotVectorEnv

Floats = npt.NDArray[np.float32]


class RobotEnv(gymnasium.Env[Floats, Floats]):
    """One robot of a task: a vector of one, whose arrays are copied.

    Takes what :func:`h2oplus.make_vec` takes but for ``num_envs``, ``autoreset_mode`` and ``copy``.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(self, task: str, *, threads: int = 1, render_mode: str | None = None, **kwargs: Any) -> None:
        """Builds it."""
        self.robots = RobotVectorEnv(
            task,
            1,
            threads=threads,
            render_mode=render_mode,
            autoreset_mode=AutoresetMode.DISABLED,
            copy=True,
            **kwargs,
        )
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": self.robots.metadata["render_fps"]}
        self.render_mode = render_mode
        self.observation_space = self.robots.single_observation_space
        self.action_space = self.robots.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Starts a new episode; the observation, float32 ``[obs_dim]``, and infos."""
        super().reset(seed=seed)
        obs, infos = self.robots.reset(seed=seed)
        return obs[0], _one(infos)

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One env step with ``action`` ``[act_dim]``."""
        actions = np.asarray(action, dtype=np.float32)[None]
        obs, reward, terminated, truncated, infos = self.robots.step(actions)
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _one(infos)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """A picture, uint8 ``[240, 320, 3]``, where ``render_mode`` is ``rgb_array``."""
        pictures = self.robots.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Ends the engine's thread."""
        self.robots.close()


def _one(infos: dict[str, Any]) -> dict[str, Any]:
    """The infos of the only environment."""
    return {key: float(value[0]) for key, value in infos.items() if not key.startswith("_")}
