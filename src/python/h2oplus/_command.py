"""What the command line does, from Python: each call is one command, in a process of its own, and its results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from h2oplus._dataset import Dataset

StrPath = str | os.PathLike[str]


def command(*words: StrPath, **flags: Any) -> Any:
    """Runs ``h2oplus <words> --flag value … --format json`` and returns what it prints as JSON.

    A flag is named as on the command line, with ``_`` for ``-`` (``from_`` for ``from``); True gives the flag alone,
    False and None leave it out, a list repeats it. What it says on stderr, its progress, goes to ours.

    Raises:
        ValueError: Where the command refuses what was given; its message says what, why and what to do.
        KeyboardInterrupt: Where it was stopped by Ctrl-C; what it had done is saved.
    """
    line = [sys.executable, "-m", "h2oplus", *(os.fspath(word) for word in words), "--format", "json"]
    for name, value in flags.items():
        flag = "--" + name.strip("_").replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                line.append(flag)
            elif one is not None and one is not False:
                line.append(f"{flag}={one}")
    refused: list[str] = []
    with tempfile.TemporaryFile("w+") as results:
        with subprocess.Popen(line, stdout=results, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            for said in running.stderr:
                if refused or said.startswith("error: "):
                    refused.append(said)
                else:
                    sys.stderr.write(said)
        if running.returncode in (130, 131):
            raise KeyboardInterrupt
        # 1 says that a check or a target was missed: the results are there all the same.
        if running.returncode not in (0, 1):
            raise ValueError("".join(refused).strip().removeprefix("error: "))
        results.seek(0)
        return json.load(results)


def gaps(task: str | None = None, gap: str | None = None) -> Any:
    """The gaps that there are; with ``task``, every field of its robot that they edit, as ``h2oplus gap list``."""
    return command("gap", "list", task=task, gap=gap)


def measure_gap(
    file: StrPath,
    task: str | None = None,
    *,
    gap: str | Sequence[str] = "all",
    rows: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Which gaps explain recorded data, the best first: ``h2oplus gap measure``.

    Args:
        file: A data set that records ``infos/qpos`` and ``infos/qvel``.
        task: The robot's; None: as the file's name says.
        gap: What to try; ``all``: every gap of the robot's at its default strength.
        rows: Transitions to replay, evenly spread over the data; 0: all.
        seed: Of strengths that are drawn.

    Returns:
        ``nearest``, and under ``gaps`` for each its errors of the next state and the share that it explains.

    Raises:
        ValueError: Where the file cannot be read or holds no states.
    """
    tried = gap if isinstance(gap, str) else list(gap)
    found: dict[str, Any] = command("gap", "measure", file, task=task, gap=tried, rows=rows, seed=seed)
    return found


def collect(
    task: str = "halfcheetah-v2",
    *,
    out: StrPath = "data",
    from_: StrPath | None = None,
    quality: str | Sequence[str] | None = None,
    rows: int | None = None,
    gap: str = "none",
    real_gap: str = "none",
    seed: int = 0,
    **flags: Any,
) -> dict[Path, Dataset]:
    """Makes data sets, as ``h2oplus collect``: trains SAC on the task (hours for an expert) unless ``from_`` gives
    policies, and rolls them out.

    Args:
        task: Robot and version, or a TOML file of your own.
        out: Folder of the files, D4RL's layout.
        from_: ``shipped``, ``random``, a run, a checkpoint or a file of snapshots: nothing is trained.
        quality: ``random``, ``medium``, ``medium-replay``, ``expert``, ``medium-expert``; several in a list.
        rows: Transitions of each.
        gap: The dynamics gap that the data are of.
        real_gap: What differs on the real robot, which is trained and rolled out on.
        seed: Of training and data.
        **flags: Other flags of ``h2oplus collect``.

    Returns:
        The data sets by file.

    Raises:
        ValueError: Where the command refuses what was given.
    """
    if quality is not None and not isinstance(quality, str):
        quality = ",".join(quality)
    named = {"from": from_, "quality": quality, "rows": rows, "gap": gap, "real_gap": real_gap, "seed": seed}
    made = command("collect", task=task, out=out, **named, **flags)
    return {Path(one["file"]): Dataset.load(one["file"]) for one in made}
