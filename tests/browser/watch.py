#!/usr/bin/env python3
"""Looks at the live view of a run in headless Chromium: `watch.py H2OPLUS [FOLDER]`, which starts a run of its own.

At phone and desktop widths: no script error, nothing wider than the window; curves, phases and members are there, the
count of updates grows, and the robot moves. With FOLDER, screenshots are left there. Says what share of the run's
processor time the view took while it was looked at."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from headless import chromium, look

SIZES = ((390, 1900), (1440, 1250))
RUN = "train --watch --updates 1000000 --rows 4000 --seeds 0..1 --eval-every 1000 --log-every 100 --eval-episodes 2".split()

AFTER = """<script>addEventListener('load', function () {
  const found = { width: innerWidth };
  const wait = function (ms) { return new Promise(function (done) { setTimeout(done, ms); }); };
  const count = function () { return Number(document.body.dataset.seen || -1); };
  const canvas = function (name) { return document.querySelector(name).toDataURL(); };
  const until = async function (what) {
    for (let n = 0; n < 600; n += 1) { if (what()) { return true; } await wait(100); }
    return false;
  };
  (async function () {
    const player = document.getElementById('player');
    const curves = document.getElementById('curves');
    found.film = await until(function () { return !player.hidden && Number(player.dataset.step) >= 0; });
    const first = [count(), canvas('#player .scene'), canvas('#curves')];
    found.moved = await until(function () { return canvas('#player .scene') !== first[1]; });
    found.grew = await until(function () { return count() > first[0]; });
    found.drawn = await until(function () { return canvas('#curves') !== first[2]; });
    found.metrics = document.querySelectorAll('#metric option').length;
    found.members = document.querySelectorAll('#members tr').length;
    found.phases = document.querySelector('#phases span').getBoundingClientRect().width;
    found.content = document.documentElement.scrollWidth;
    tell(found);
  }());
});</script>"""


def ticks(pid, named=None):
    """Processor time of the process, or of its threads called so, in ticks."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text()
        name, rest = fields[fields.index("(") + 1 :].rsplit(") ", 1)
        if named is None or name == named:
            total += sum(map(int, rest.split()[11:13]))
    return total


def main():
    chromium()
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run = subprocess.Popen([program, *RUN], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            address = next(line.split()[1] for line in run.stderr if line.startswith("watch: http://127.0.0.1:"))
            os.set_blocking(run.stderr.fileno(), False)
            before = None
            for size in SIZES:
                for dark in (False, True):
                    found = look(address, size, dark, AFTER, seconds=120)
                    name = f"{size[0]} {'dark' if dark else 'light'}"
                    for what in ("film", "moved", "grew", "drawn"):
                        assert found[what], f"{name}: {what}: {found}"
                    assert found["width"] == size[0] >= found["content"] and not found["failures"], f"{name}: {found}"
                    assert found["metrics"] > 5 and found["members"] == 2 and found["phases"] > 10, f"{name}: {found}"
                    print(f"{name}: curves, members and robot move; no error, no overflow")
                    # What it takes while nobody looks, and before there is a policy, does not count.
                    before = before or (ticks(run.pid, "watch"), ticks(run.pid))
                    if len(sys.argv) > 2:
                        shot = Path(sys.argv[2]).resolve() / f"watch-{name.replace(' ', '-')}.png"
                        look(address, size, dark, seconds=8, shot=shot)
            while ticks(run.pid) - before[1] < 1000:
                look(address, SIZES[0], seconds=10, shot=Path(folder, "shot.png"))
            view, whole = ticks(run.pid, "watch") - before[0], ticks(run.pid) - before[1]
            print(f"the view took {100 * view / whole:.2f} % of the run's processor time, {whole / os.sysconf('SC_CLK_TCK'):.0f} s")
            assert view < 0.02 * whole, (view, whole)
        finally:
            run.terminate()
            run.wait(60)


main()
