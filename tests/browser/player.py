#!/usr/bin/env python3
"""Looks at a player in headless Chromium: `player.py PLAYER.html [FOLDER]`.

At phone and desktop widths, in light and dark: no script error, nothing wider than the window, it plays by itself and
two moments differ; paused, they do not; keys step, jump, and change what stands side by side; the other colour scheme
draws other pictures. With FOLDER, screenshots are left there."""

import sys
import tempfile
from pathlib import Path

from headless import chromium, look

SIZES = ((390, 1000), (820, 1000), (1440, 1000))

AFTER = """<script>addEventListener('load', function () {
  const found = { width: innerWidth, content: document.documentElement.scrollWidth };
  const root = document.getElementById('player');
  const press = function (key) { document.body.dispatchEvent(new KeyboardEvent('keydown', { key: key, bubbles: true })); };
  const picture = function () { return root.querySelector('.scene').toDataURL(); };
  const step = function () { return Number(root.dataset.step); };
  const wait = function (ms) { return new Promise(function (done) { setTimeout(done, ms); }); };
  (async function () {
    await wait(200);
    const early = [step(), picture()];
    // A busy machine draws late.
    for (let n = 0; n < 50 && step() < early[0] + 3; n += 1) { await wait(100); }
    found.played = step() >= early[0] + 3 && picture() !== early[1];
    press(' ');
    await wait(100);
    const still = [step(), picture()];
    await wait(400);
    found.paused = step() === still[0] && picture() === still[1];
    press('ArrowRight');
    await wait(100);
    found.stepped = step() === still[0] + 1 && picture() !== still[1];
    press('End');
    await wait(100);
    found.end = step();
    found.last = Number(root.querySelector('.scrub').max);
    press('Home');
    await wait(100);
    found.home = step();
    press('ArrowRight');
    press('g');
    await wait(100);
    const alone = picture();
    press('g');
    await wait(100);
    found.ghost = picture() !== alone;
    const before = picture();
    document.getElementById('theme').click();
    await wait(100);
    found.themed = picture() !== before;
    tell(found);
  }());
});</script>"""


def main():
    chromium()
    player = Path(sys.argv[1]).resolve()
    for size in SIZES:
        for dark in (False, True):
            found = look(player, size, dark, AFTER)
            name = f"{size[0]} {'dark' if dark else 'light'}"
            assert found["width"] == size[0] >= found["content"] and not found["failures"], f"{name}: {found}"
            for what in ("played", "paused", "stepped", "ghost", "themed"):
                assert found[what], f"{name}: {what}: {found}"
            assert found["home"] == 0 and found["end"] == found["last"] > 0, f"{name}: {found}"
            print(f"{name}: plays, pauses, steps; no error, no overflow")
            if len(sys.argv) > 2:
                shot = Path(sys.argv[2]).resolve() / f"{name.replace(' ', '-')}.png"
                look(player, size, dark, seconds=3, shot=shot)
    # Negative control: a player that draws nothing by itself is seen.
    with tempfile.TemporaryDirectory() as folder:
        still = Path(folder, "still.html")
        text = player.read_text()
        assert text.count("requestAnimationFrame(tick)") == 1
        still.write_text(text.replace("requestAnimationFrame(tick)", "tick"))
        assert not look(still, SIZES[0], script=AFTER)["played"], "a picture that stands still went unseen"


main()
