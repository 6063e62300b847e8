"""The static page of ``export --format web`` in Chromium: its speed, and its ids beside ours.

    secousti export --format web -o site
    python -m benchmarks.browser_site site --model mini-21hz

One recording is dropped on the page, to go through as fast as possible, a few times; the first
time, in which the browser still compiles, is told apart. Real-time factors are seconds of sound by
seconds until the last token has come back as sound, on whatever else the machine does (the load is
printed), and by the processor time of the one thread in which everything is computed, which depends
on that less. Last, the sound comes at the pace of speech, token by token.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.browser_threads import worker_seconds
from secousti import load_codec
from secousti.container.encoded import load_encoded
from tests.browser import chromium
from tests.browser.page import Page

ROOT = Path(__file__).parents[1]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line in the terminal for each."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--model", default="mini-21hz")
    parser.add_argument("--speech", type=Path, default=ROOT / "examples" / "speech.wav")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="write a picture of the page after them")
    args = parser.parse_args()
    found = load_codec(args.model).encode(args.speech)
    handler = functools.partial(Quiet, directory=str(args.site))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = chromium.launch(playwright, args.speech)
        raw = browser.new_page(viewport={"width": 1280, "height": 960})
        began = time.monotonic()
        raw.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        page = Page(raw).wait_until_ready()
        print(f"ready after {time.monotonic() - began:.1f} s")
        raw.evaluate("document.querySelector('#settings').open = true")
        page.hurry()
        passes = [factors(page, args.speech, found.duration) for _ in range(1 + args.times)]
        with tempfile.TemporaryDirectory() as folder:
            kept = load_encoded(page.download("Tokens (.sct)", Path(folder)))
        if args.picture:
            raw.evaluate("document.querySelector('#settings').open = false; scrollTo(0, 0)")
            raw.screenshot(path=args.picture, full_page=True)
        raw.select_option("#pace", "real")
        live = factors(page, args.speech, found.duration)
        browser.close()
        server.shutdown()
    equal = int((kept.codes == found.codes).sum())
    print(f"{equal} of {found.codes.numel()} ids equal")
    print(f"first time: {_told(passes[0])}")
    again = [statistics.median(factors) for factors in zip(*passes[1:], strict=True)]
    print(f"median of {args.times}: {_told(again)}")
    print(f"token by token: {live[1]:.2f} by processor time")
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")


def _told(factors: Sequence[float]) -> str:
    return "{:.2f} x real time, {:.2f} by processor time".format(*factors)


def factors(page: Page, speech: Path, seconds: float) -> tuple[float, float]:
    """Times real time of one recording, there and back: by the clock, by the worker's time."""
    began, spent = time.monotonic(), worker_seconds()
    page.drop(speech, "speech")
    page.wait_until(lambda: page.text("status").startswith(("Everything has arrived", "Done")))
    took, spent = time.monotonic() - began, worker_seconds() - spent
    page.finish()
    return seconds / took, seconds / spent


if __name__ == "__main__":
    main()
