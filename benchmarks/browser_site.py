"""The static page of ``export --format web`` in Chromium: its speed, and its ids beside ours.

    secousti export --format web -o site
    python -m benchmarks.browser_site site --model mini-21hz

One recording is dropped on the page, to go through as fast as possible, a few times. Real-time
factors are seconds of sound by seconds until the last token has come back as sound; everything
runs in one thread of WebAssembly, on whatever else the machine does (the load is printed).
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
from pathlib import Path

from playwright.sync_api import sync_playwright

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
    args = parser.parse_args()
    found = load_codec(args.model).encode(args.speech)
    handler = functools.partial(Quiet, directory=str(args.site))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = chromium.launch(playwright, args.speech)
        raw = browser.new_page()
        began = time.monotonic()
        raw.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        page = Page(raw).wait_until_ready()
        print(f"ready after {time.monotonic() - began:.1f} s")
        raw.evaluate("document.querySelector('#settings').open = true")
        page.hurry()
        factors = [factor(page, args.speech, found.duration) for _ in range(args.times)]
        with tempfile.TemporaryDirectory() as folder:
            kept = load_encoded(page.download("Tokens (.sct)", Path(folder)))
        browser.close()
        server.shutdown()
    equal = int((kept.codes == found.codes).sum())
    print(f"{equal} of {found.codes.numel()} ids equal, median of {args.times} runs:")
    print(
        f"{statistics.median(factors):.2f} x real time ({min(factors):.2f} to {max(factors):.2f})"
    )
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")


def factor(page: Page, speech: Path, seconds: float) -> float:
    """Times real time, of one recording through encoder and decoder."""
    began = time.monotonic()
    page.drop(speech, "speech")
    page.wait_until(lambda: page.text("status").startswith("Everything has arrived"))
    took = time.monotonic() - began
    page.finish()
    return seconds / took


if __name__ == "__main__":
    main()
