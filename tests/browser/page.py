"""The page as a person uses it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE = 150.0  # seconds; a busy machine is slow, not wrong

DROP = """
([base64, name, zone]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  const fire = (type, target) =>
    target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  fire("dragenter", document.body);
  const shown = !document.getElementById("drop").hidden;
  fire("drop", document.querySelector(`.zone[data-use=${zone}]`));
  return shown;
}
"""

COLOURS = """
(id) => {
  const canvas = document.getElementById(id);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}
"""


class Page:
    """Around Playwright's page, which is ``raw``."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def wait_until_ready(self) -> Page:
        """Nothing runs, and something may begin."""
        self.raw.wait_for_selector("#speak[aria-pressed=false]:not([disabled])")
        return self

    def click(self, name: str) -> None:
        self.raw.get_by_role("button", name=name, exact=True).click()

    def text(self, id: str) -> str:
        return str(self.raw.inner_text(f"#{id}"))

    def number(self, id: str) -> int:
        """The first number of a text, 0 if there is none yet."""
        found = re.search(r"[\d,]+", self.text(id))
        return int(found[0].replace(",", "")) if found else 0

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Playwright's ``wait_for_function`` needs ``eval``, which the page forbids."""
        deadline = time.monotonic() + DEADLINE
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; {self.text('status')}"
            self.raw.wait_for_timeout(50)

    def wait_for_tokens(self, count: int) -> None:
        self.wait_until(lambda: self.number("token-count") >= count)

    def wait_for_problem(self) -> str:
        self.raw.wait_for_selector("#problem:not([hidden])")
        return self.text("problem-text")

    def finish(self) -> None:
        """Until everything has been heard."""
        button = self.raw.locator("#speak")
        self.wait_until(lambda: button.get_attribute("aria-pressed") == "false")

    def choose_model(self, name: str) -> None:
        self.raw.select_option("#model", name)

    def hurry(self) -> None:
        """Files go as fast as possible."""
        self.raw.select_option("#pace", "fast")

    def drop(self, path: Path, zone: str) -> bool:
        """Drag a file over the page and let go; whether the page showed where it may be dropped."""
        data = base64.b64encode(path.read_bytes()).decode()
        return bool(self.raw.evaluate(DROP, [data, path.name, zone]))

    def colours(self, canvas: str) -> int:
        """How many different colours a drawing has."""
        return int(self.raw.evaluate(COLOURS, canvas))

    def download(self, name: str, folder: Path) -> Path:
        with self.raw.expect_download() as download:
            self.click(name)
        path = folder / str(download.value.suggested_filename)
        download.value.save_as(path)
        return path
