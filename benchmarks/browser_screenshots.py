"""The pictures of docs/demo.md: the page on a desk and on a phone, light and dark, while it works.

    python -m benchmarks.browser_screenshots docs/images

The whole page is taken after the example went through as fast as possible: a latency
measured on a busy machine would be that of the machine.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.page import Page
from tests.browser.server import running_demo

ROOT = Path(__file__).parents[1]

TOKENS = 150  # about seven seconds
DESK = {"width": 1280, "height": 960}
PHONE = {"width": 360, "height": 780}


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with running_demo("--model", "mini-21hz") as address, sync_playwright() as playwright:
        browser = chromium.launch(playwright, ROOT / "examples" / "speech.wav")
        for scheme in ("light", "dark"):
            take(browser, address, scheme, folder)
        browser.close()


def take(browser: Any, address: str, scheme: str, folder: Path) -> None:
    """On a desk while it works and afterwards, and on a phone."""
    desk = opened(browser, address, scheme, DESK, 1.5)
    desk.click("Speak")
    desk.wait_for_tokens(TOKENS)
    keep(desk, folder / f"demo-desk-{scheme}.webp")
    desk.click("Stop")
    desk.raw.context.close()
    whole = opened(browser, address, scheme, DESK, 1.5)
    whole.hurry()
    whole.click("Try the example")
    whole.wait_until(lambda: whole.number("file-all") > 0)
    whole.finish()
    keep(whole, folder / f"demo-whole-{scheme}.webp", whole=True)
    whole.raw.context.close()
    phone = opened(browser, address, scheme, PHONE, 2)
    phone.click("Speak")
    phone.wait_for_tokens(TOKENS)
    keep(phone, folder / f"demo-phone-{scheme}.webp")
    phone.raw.context.close()


def keep(page: Page, path: Path, whole: bool = False) -> None:
    """The page, or what is seen of it, as WebP: a fifth of a PNG's bytes."""
    picture = Image.open(io.BytesIO(page.raw.screenshot(full_page=whole)))
    picture.convert("RGB").save(path, quality=82, method=6)


def opened(browser: Any, address: str, scheme: str, size: dict[str, int], scale: float) -> Page:
    """A page that is ready."""
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=scale)
    context.set_default_timeout(120_000)
    raw = context.new_page()
    raw.goto(address)
    return Page(raw).wait_until_ready()


if __name__ == "__main__":
    main()
