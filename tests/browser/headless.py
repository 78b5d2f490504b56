"""Headless Chromium for the checks beside this file: pages in a frame of a given width, in light or dark, in real time.

Skipped, loudly, where there is no Chromium; `H2OPLUS_REQUIRE_BROWSER=1` makes its absence a failure."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()

# Stands before everything else of a page.
BEFORE = """<script>window.failures = [];
addEventListener('error', function (event) { failures.push(String(event.message)); });
addEventListener('unhandledrejection', function (event) { failures.push(String(event.reason)); });
window.tell = function (found) {
  found.failures = failures;
  fetch('/found', { method: 'POST', body: JSON.stringify(found) });
};</script>"""

# A window has a least width, so the page stands in a frame, whose width and colour scheme are what it asks for. The
# picture keeps the frame from being loaded until the check has seen enough.
FRAME = """<!DOCTYPE html><html><body style="margin:0">
<iframe src="/page" style="border:0;width:{width}px;height:{height}px;color-scheme:{scheme}"></iframe>
<img src="/hold" alt=""/></body></html>"""


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("H2OPLUS_REQUIRE_BROWSER") == "1":
        sys.exit("chromium is required here")
    print("SKIPPED: chromium is not here", file=sys.stderr)
    sys.exit(0)


class Handler(BaseHTTPRequestHandler):
    """Serves the frame and the page; what else the page asks for comes from where it lies."""

    def do_GET(self):
        server = self.server
        if self.path == "/":
            return self.answer(server.frame.encode())
        if self.path == "/page":
            text = server.origin("/").decode().replace("<head>", "<head>" + BEFORE, 1)
            return self.answer(text.replace("</body>", server.script + "</body>", 1).encode())
        if self.path == "/hold":
            server.told.wait(server.seconds)
            return self.answer(b"")
        try:
            self.answer(server.origin(self.path))
        except urllib.error.HTTPError as refused:
            self.send_error(refused.code)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.found = json.loads(body)
        self.server.told.set()
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def origin_of(page):
    """How to read the parts of `page`, a file or the address of a server."""
    if isinstance(page, Path):
        return lambda path: page.read_bytes() if path == "/" else b""
    return lambda path: urllib.request.urlopen(page.rstrip("/") + path, timeout=30).read()


def look(page, size, dark=False, script="", seconds=30, shot=None):
    """What `script`, at the end of `page` (a file, or an address), says by `tell({...})` within so many seconds; none
    without a script. With `shot`, a screenshot of that moment lies there."""
    width, height = size
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True
    ) as folder:
        server.frame = FRAME.format(width=width, height=height, scheme="dark" if dark else "light")
        server.origin, server.script, server.seconds = origin_of(page), script, seconds
        server.found, server.told = None, threading.Event()
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        what = f"--screenshot={shot}" if shot else "--dump-dom"
        if shot:
            Path(shot).parent.mkdir(parents=True, exist_ok=True)
        window = f"--window-size={max(width, 500)},{height}"
        address = f"http://127.0.0.1:{server.server_port}/"
        command = [chromium(), *FLAGS, f"--user-data-dir={folder}", window, what, address]
        subprocess.run(command, capture_output=True, timeout=240, check=True)
        server.shutdown()
        assert server.found is not None or not script, "the page's own script did not reach its end"
        return server.found
