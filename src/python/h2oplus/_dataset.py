"""`Dataset`: recorded transitions as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2oplus import _core

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dataset:
    """Transitions in time order, ``n`` rows, under D4RL's names."""

    #: ``[n, obs_dim]``.
    observations: Floats
    #: ``[n, act_dim]``.
    actions: Floats
    #: ``[n]``.
    rewards: Floats
    #: ``[n, obs_dim]``: true successors, also at an episode's end.
    next_observations: Floats
    #: ``[n]``: the task's failure condition held.
    terminals: Flags
    #: ``[n]``: the episode was cut by the step limit, or the recording ended.
    timeouts: Flags
    #: ``[n, nv]``, where the file has it.
    qpos: Floats | None
    #: ``[n, nv]``, where the file has it.
    qvel: Floats | None
    #: ``[n]``: log-density of each action under the behaviour policy, where the file has it.
    action_log_probs: Floats | None
    #: By gap, its strength in every row, ``[n]``; NaN where it was not in force.
    gap: Mapping[str, npt.NDArray[np.float64]]
    #: The Gymnasium id that it says it was recorded in.
    environment: str | None
    #: Where it came from.
    source: str
    #: What is odd but usable.
    notes: list[str]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Dataset:
        """Reads D4RL's HDF5, a Minari folder, or safetensors: they are told apart by content.

        Raises:
            OSError: Where the file cannot be read.
            ValueError: Where it is damaged, or of another layout; the message names the place in it.
        """
        return cls(**_core.load_dataset(os.fspath(path)))

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self.rewards)

    def episodes(self) -> Iterator[slice]:
        """Rows of each episode, in order; the last may be incomplete."""
        ends = np.flatnonzero(self.terminals | self.timeouts) + 1
        start = 0
        for end in [*ends.tolist(), len(self)]:
            if end > start:
                yield slice(start, end)
            start = end
