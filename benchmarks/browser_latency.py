"""From a mouth to an ear through ``secousti demo`` in a real browser, split into its parts.

Chromium's microphone plays a recording; the page measures every packet of sound by the clock of
the AudioContext that records and plays (see ``secousti/serve/page/data/latency.js``). Read once a
second; the table has the median of the readings and their range.

    python -m benchmarks.browser_latency --seconds 30
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.page import Page
from tests.browser.server import running_demo

ROOT = Path(__file__).parents[1]

PARTS = {
    "algorithmic": "the codec waits for (algorithmic)",
    "capture": "capture buffer",
    "network": "network and browser",
    "server": "server: waiting and step",
    "jitter": "jitter buffer",
    "device": "sound card, as the browser says",
}
SETTLE = 3000  # ms


def main() -> None:
    """Speak for a while and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--model", default="mini-21hz")
    args = parser.parse_args()
    with running_demo("--model", args.model) as address, sync_playwright() as playwright:
        browser = chromium.launch(playwright, ROOT / "examples" / "speech.wav")
        raw = browser.new_page()
        raw.goto(address)
        page = Page(raw).wait_until_ready()
        page.click("Speak")
        page.wait_until(lambda: page.number("latency") > 0)
        raw.wait_for_timeout(SETTLE)
        readings = []
        for _ in range(args.seconds):
            raw.wait_for_timeout(1000)
            readings.append({name: milliseconds(page, name) for name in PARTS})
        underruns, tokens = page.number("underruns"), page.number("token-count")
        page.click("Stop")
        page.finish()
        browser.close()
    report(readings)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{args.model}, {tokens} tokens; the jitter buffer ran dry {underruns} times.")
    print(f"{os.cpu_count()} cores, load average {load}.")


def milliseconds(page: Page, name: str) -> float:
    """What the page shows for a part."""
    return float(page.text(f"latency-{name}").split()[0].replace(",", ""))


def report(readings: list[dict[str, float]]) -> None:
    """A table in Markdown."""
    print("| part | ms (median) | ms (range) |\n|---|---|---|")
    for name, label in PARTS.items():
        row(label, [reading[name] for reading in readings])
    row("**in all**", [sum(reading.values()) for reading in readings])


def row(label: str, values: list[float]) -> None:
    """One line of it."""
    low, high = min(values), max(values)
    print(f"| {label} | {statistics.median(values):.1f} | {low:.1f} to {high:.1f} |")


if __name__ == "__main__":
    main()
