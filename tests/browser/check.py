#!/usr/bin/env python3
"""Looks at a report in headless Chromium: `check.py REPORT.html [FOLDER]`.

At three widths, in light and dark: no script error, nothing wider than the window, the switch between light and dark
works, the filter of runs filters, every scroll box can be reached by keys. With FOLDER, screenshots are left there.
Skipped, loudly, where there is no Chromium; `H2OPLUS_REQUIRE_BROWSER=1` makes its absence a failure."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (390, 820, 1440)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=3000"
).split()

BEFORE = """<script>window.failures = [];
addEventListener('error', function (event) { failures.push(String(event.message)); });</script>"""

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
  found.failures = failures;
  parent.postMessage(JSON.stringify(found), '*');
});</script>"""


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("H2OPLUS_REQUIRE_BROWSER") == "1":
        sys.exit("chromium is required here")
    print("SKIPPED: chromium is not here", file=sys.stderr)
    sys.exit(0)


# A window has a least width, so the page stands in a frame, whose width and colour scheme are what it asks for.
FRAME = """<!DOCTYPE html><html><body style="margin:0"><script>addEventListener('message', function (event) {{
  document.documentElement.dataset.found = event.data; }});</script>
<iframe src="{page}" style="border:0;width:{width}px;height:{height}px;color-scheme:{scheme}"></iframe></body></html>"""


def run(program, folder, page, width, dark, *more):
    frame = Path(folder, "frame.html")
    height = 4000 if width < 600 else 2400
    scheme = "dark" if dark else "light"
    frame.write_text(FRAME.format(page=page.as_uri(), width=width, height=height, scheme=scheme))
    profile = Path(tempfile.mkdtemp(dir=folder))
    command = [program, *FLAGS, f"--user-data-dir={profile}", f"--window-size={max(width, 500)},{height}", *more, frame.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout


def probe(program, folder, report, width, dark):
    text = report.read_text()
    text = text.replace("<head>", "<head>" + BEFORE, 1).replace("</body>", AFTER + "</body>", 1)
    page = Path(folder, "page.html")
    page.write_text(text)
    dom = run(program, folder, page, width, dark, "--dump-dom")
    found = re.search(r'data-found="([^"]*)"', dom)
    assert found, "the page's own script did not reach its end"
    return json.loads(html.unescape(found[1]))


def main():
    program, report = chromium(), Path(sys.argv[1]).resolve()
    grounds = set()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for width in WIDTHS:
            for dark in (False, True):
                found = probe(program, folder, report, width, dark)
                name = f"{width} {'dark' if dark else 'light'}: {found}"
                assert found["width"] == width, name
                assert not found["failures"], name
                assert found["content"] <= found["width"] and not found["wide"], name
                assert found["switched"] != found["ground"] and not found["rows"] and not found["unreachable"], name
                grounds.add((dark, found["ground"]))
                print(f"{width} px, {'dark' if dark else 'light'}: no error, no overflow")
                if len(sys.argv) > 2:
                    shot = Path(sys.argv[2]).resolve() / f"{width}-{'dark' if dark else 'light'}.png"
                    shot.parent.mkdir(parents=True, exist_ok=True)
                    run(program, folder, report, width, dark, f"--screenshot={shot}")
    assert len(grounds) == 2, f"light and dark look alike: {grounds}"


main()
