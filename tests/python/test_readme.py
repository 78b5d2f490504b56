"""The README's Python runs as it stands."""

import re

from conftest import ROOT


def test_the_example_runs(capsys):
    text = (ROOT / "README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 1 and len(examples[0].strip().splitlines()) <= 11
    scope = {}
    exec(compile(examples[0], "README.md", "exec"), scope)
    assert capsys.readouterr().out.startswith("[")
    gaps = scope["envs"].gap_params()
    assert (gaps["friction"] == 0.3).sum() > 100
