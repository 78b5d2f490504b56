"""What the tests of the wheel share. `python -m pytest tests/python -rs` says which were skipped, and why."""

import importlib
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def need(name: str):
    """The module `name`. Without it the test is skipped, or fails where H2OPLUS_REQUIRE_PYTHON is set, as in CI."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if os.environ.get("H2OPLUS_REQUIRE_PYTHON"):
            raise
        pytest.skip(f"{name} is not installed: {error}")


@pytest.fixture
def brief(tmp_path):
    """A task of the user's own whose resets draw nothing and whose episodes are short: `brief("hopper-v5", 7)`."""

    def make(name: str, limit: int) -> str:
        text = (ROOT / f"envs/{name}.toml").read_text()
        text = re.sub(r"max_episode_steps = \d+", f"max_episode_steps = {limit}", text)
        text = re.sub(r"(qpos|qvel) = \{ \w+ = [\d.]+ \}", r"\1 = { uniform = 0.0 }", text)
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return str(path)

    return make
