"""Debian's Chromium, headless, with a recording for a microphone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream "
    "--use-fake-device-for-media-stream --autoplay-policy=no-user-gesture-required"
).split()


def find() -> str | None:
    """The browser's path, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Any, speech: Path) -> Any:
    """A browser whose microphone plays ``speech`` (a WAV) again and again."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"]
    return playwright.chromium.launch(executable_path=find(), args=flags)
