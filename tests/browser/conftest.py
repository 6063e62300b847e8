"""``secousti demo`` in a process of its own, and Chromium whose microphone is a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.browser.page import DEADLINE, Page
from tests.browser.server import running_demo
from tests.toy import toy_codec

EXAMPLE = Path(__file__).parents[2] / "examples" / "speech.wav"


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium of the system; skips without it or without Playwright."""
    pytest.importorskip("fastapi", reason="the demo needs pip install 'secousti[demo]'")
    api = pytest.importorskip(
        "playwright.sync_api", reason="browser tests need pip install playwright"
    )
    if chromium.find() is None:
        pytest.skip("no browser: apt-get install chromium")
    with api.sync_playwright() as playwright:
        running = chromium.launch(playwright, EXAMPLE)
        yield running
        running.close()


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the usual shape that costs nothing to run."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    toy_codec().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def demo(browser: object, toy_model: Path) -> Iterator[str]:
    """The address of a running ``secousti demo`` with the toy and the bundled model."""
    with running_demo("--model", str(toy_model), "--model", "mini-21hz") as address:
        yield address


@pytest.fixture
def new_page(browser, demo: str) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """Opens the page: ``new_page(width=..., color_scheme=...)``.

    Whatever a test does, the page writes no error into the console and asks nobody but its server.
    """
    contexts, complaints = [], []

    def open_page(
        width: int = 1280, height: int = 900, script: str = "", **options: object
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(1000 * DEADLINE)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: complaints.append(r.url) if not _ours(r.url, demo) else None)
        if script:
            page.add_init_script(script)
        page.goto(demo)
        return Page(page).wait_until_ready()

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _ours(url: str, demo: str) -> bool:
    return url.startswith((demo, f"blob:{demo}"))
