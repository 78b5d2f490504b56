"""The robots as Stable-Baselines3 takes many environments: ``PPO("MlpPolicy", SB3VecEnv(h2oplus.make_vec(…)))``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from h2oplus._vector import RobotVectorEnv


class SB3VecEnv(VecEnv):
    """A vector with ``autoreset_mode=AutoresetMode.SAME_STEP``, which is what Stable-Baselines3 expects.

    Of infos it gives what its algorithms read: at an episode's end ``terminal_observation``, ``TimeLimit.truncated``
    and, as its ``Monitor`` does, ``episode`` with return ``r`` and length ``l``.
    """

    def __init__(self, envs: RobotVectorEnv) -> None:
        """Takes over ``envs``.

        Raises:
            ValueError: Where it begins episodes in another step.
        """
        if envs.metadata["autoreset_mode"] is not AutoresetMode.SAME_STEP:
            raise ValueError("autoreset_mode: is not SAME_STEP\n  help: make_vec(…, autoreset_mode='SameStep')")
        self.envs = envs
        self.render_mode = None
        self._actions: npt.NDArray[np.float32] | None = None
        self._seed: int | None = None
        self._returns = np.zeros(envs.num_envs)
        self._lengths = np.zeros(envs.num_envs, dtype=np.int64)
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> npt.NDArray[np.float32]:
        """Starts a new episode everywhere."""
        obs, _ = self.envs.reset(seed=self._seed)
        self._seed = None
        self._returns[:], self._lengths[:] = 0, 0
        return obs.copy()

    def step_async(self, actions: npt.NDArray[np.float32]) -> None:
        """Takes the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_], list[Any]]:
        """Steps."""
        assert self._actions is not None, "step_async comes first"
        obs, reward, terminated, truncated, infos = self.envs.step(self._actions)
        over = terminated | truncated
        self._returns += reward
        self._lengths += 1
        each: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for env in np.flatnonzero(over):
            each[env] = {
                "terminal_observation": infos["final_obs"][env],
                "TimeLimit.truncated": bool(truncated[env]),
                "episode": {"r": float(self._returns[env]), "l": int(self._lengths[env])},
            }
        self._returns[over], self._lengths[over] = 0, 0
        return obs.copy(), reward.copy(), over, each

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the next reset."""
        self._seed = seed
        return [seed] * self.num_envs

    def close(self) -> None:
        """Ends the engine's threads."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The vector's attribute, once an environment."""
        return [getattr(self.envs, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the vector, which all environments share."""
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls the vector's method, once for all environments."""
        return [getattr(self.envs, method_name)(*method_args, **method_kwargs)] * len(self._rows(indices))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """None is wrapped."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Any) -> list[int]:
        return list(self._get_indices(indices))
