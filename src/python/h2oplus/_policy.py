"""`Policy`: an MLP that acts in the engine or on arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from h2oplus import _core

Floats = npt.NDArray[np.float32]


class Policy:
    """ReLU layers; the last gives mean μ and log-std log σ of an action side by side.

    Args:
        layers: Weight ``[outputs, inputs]`` and bias ``[outputs]`` of each, as ``torch.nn.Linear`` has them.
        distribution: How an action comes of a standard normal ε: ``tanh_gaussian``, tanh(μ + σ ε), as SAC's;
            ``clipped_gaussian``, clip(tanh(μ) + σ ε, −1, 1); or ``deterministic``, tanh(μ), whose last layer gives μ
            alone.

    Raises:
        ValueError: Where layers do not follow one another, or hold a number that is not finite.
    """

    def __init__(
        self,
        layers: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
        *,
        distribution: str = "tanh_gaussian",
    ) -> None:
        """Takes the numbers over, as float32."""
        arrays = [(_floats(weight), _floats(bias)) for weight, bias in layers]
        self._core = _core.Policy(arrays, distribution)

    @classmethod
    def _of(cls, core: _core.Policy) -> Policy:
        policy = cls.__new__(cls)
        policy._core = core
        return policy

    @property
    def layers(self) -> list[tuple[Floats, Floats]]:
        """Weight ``[outputs, inputs]`` and bias ``[outputs]`` of each layer; the last has 2 × ``act_dim`` outputs."""
        return self._core.layers

    @property
    def distribution(self) -> str:
        """``tanh_gaussian``, ``clipped_gaussian`` or ``deterministic``."""
        return self._core.distribution

    @property
    def obs_dim(self) -> int:
        """Length of an observation."""
        return self._core.obs_dim

    @property
    def act_dim(self) -> int:
        """Length of an action."""
        return self._core.act_dim

    def act(self, observations: npt.ArrayLike, noise: npt.ArrayLike | None = None) -> Floats:
        """Actions in [−1, 1], float32 ``[n, act_dim]``, for ``observations`` ``[n, obs_dim]``; for one ``[obs_dim]``,
        ``[act_dim]``. Samples where ``noise``, standard normals of the actions' shape, is given; else tanh(μ)."""
        seen = _floats(observations)
        if seen.ndim == 1:
            one: Floats = self.act(seen[None], None if noise is None else _floats(noise)[None])[0]
            return one
        acted: Floats = self._core.act(seen, None if noise is None else _floats(noise))
        return acted


def load_policy(path: str | os.PathLike[str], snapshot: int = -1) -> Policy:
    """The policy of a run folder or a checkpoint of one member; of a file of snapshots, the one at ``snapshot``, oldest
    first; or the one that acted in a D4RL file.

    Raises:
        ValueError: Where there is none, or the run has several members.
        IndexError: Where there are fewer snapshots.
    """
    return Policy._of(_core.load_policies(os.fspath(path))[snapshot])


def _floats(values: npt.ArrayLike) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)
