"""What `infos` are called, by version of the task, as Gymnasium's own environments call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Columns of the engine's terms of a step.
X, Z, VELOCITY, FORWARD, HEALTHY, CONTROL, STATE, X_NOW, Z_NOW = range(9)


class Infos(NamedTuple):
    """Keys of a task's infos, and the columns of the terms of a step that they show."""

    step: Mapping[str, int]
    #: After a reset. They are keys of a step, too.
    reset: Mapping[str, int]

    @classmethod
    def of(cls, task: str) -> Infos:
        """Those of ``halfcheetah-v4``; of a task of the user's own, those of version 5, and the state's cost."""
        robot, _, version = task.rpartition("-v")
        position = {"x_position": X, "x_velocity": VELOCITY}
        earned = {"reward_forward": FORWARD, "reward_ctrl": CONTROL}
        if version == "2":
            runs = robot == "halfcheetah"
            return cls({"reward_run": FORWARD, "reward_ctrl": CONTROL} if runs else {}, {})
        if version == "4":
            runs = robot == "halfcheetah"
            run = {"reward_run": FORWARD, "reward_ctrl": CONTROL} if runs else {}
            return cls({**position, **run}, {})
        if robot == "halfcheetah":
            return cls({**position, **earned}, {"x_position": X_NOW})
        step = {**position, "z_distance_from_origin": Z, **earned, "reward_survive": HEALTHY}
        if version != "5":
            step["reward_state"] = STATE
        return cls(step, {"x_position": X_NOW, "z_distance_from_origin": Z_NOW})


def shown(
    terms: npt.NDArray[np.float64],
    columns: Mapping[str, int],
    mask: npt.NDArray[np.bool_],
) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    """Each key with its column of ``terms`` ``[n, 9]``, and its mask under the key that Gymnasium gives it."""
    for key, column in columns.items():
        yield key, terms[:, column]
        yield f"_{key}", mask
