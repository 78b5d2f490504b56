#!/usr/bin/env python3
"""Looks at a report in headless Chromium: `check.py REPORT.html [FOLDER]`.

At three widths, in light and dark: no script error, nothing wider than the window, the switch between light and dark
works, the filter of runs filters, every scroll box can be reached by keys. With FOLDER, screenshots are left there."""

import sys
from pathlib import Path

from headless import chromium, look

WIDTHS = (390, 820, 1440)

AFTER = """<script>addEventListener('load', function () {
  const root = document.documentElement;
  const wide = [];
  document.querySelectorAll('body *').forEach(function (node) {
    if (node.closest('.scroll, nav, svg, .skip, .unseen')) { return; }
    if (node.getBoundingClientRect().right > innerWidth + 1) { wide.push(node.tagName + '.' + node.className); }
  });
  const found = {
    width: innerWidth, content: root.scrollWidth, wide: wide.slice(0, 5),
    ground: getComputedStyle(document.body).backgroundColor,
    unreachable: document.querySelectorAll('.scroll:not([tabindex])').length,
  };
  document.getElementById('theme').click();
  found.switched = getComputedStyle(document.body).backgroundColor;
  const filter = document.querySelector('.filter');
  filter.value = 'no run is called so';
  filter.dispatchEvent(new Event('input'));
  found.rows = filter.parentElement.querySelectorAll('.filtered tbody tr:not([hidden])').length;
  tell(found);
});</script>"""


def main():
    chromium()
    report, grounds = Path(sys.argv[1]).resolve(), set()
    for width in WIDTHS:
        size = (width, 4000 if width < 600 else 2400)
        for dark in (False, True):
            found = look(report, size, dark, AFTER)
            name = f"{width} {'dark' if dark else 'light'}: {found}"
            assert found["width"] == width, name
            assert not found["failures"], name
            assert found["content"] <= found["width"] and not found["wide"], name
            assert found["switched"] != found["ground"] and not found["rows"] and not found["unreachable"], name
            grounds.add((dark, found["ground"]))
            print(f"{width} px, {'dark' if dark else 'light'}: no error, no overflow")
            if len(sys.argv) > 2:
                shot = Path(sys.argv[2]).resolve() / f"{width}-{'dark' if dark else 'light'}.png"
                look(report, size, dark, seconds=1, shot=shot)
    assert len(grounds) == 2, f"light and dark look alike: {grounds}"


main()
