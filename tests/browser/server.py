"""``secousti demo`` in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running_demo(*options: str) -> Iterator[str]:
    """The address of the page; Ctrl-C ends the server, and well."""
    command = [sys.executable, "-m", "secousti", "demo", "--no-open", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found is not None, f"the demo said {line!r} and no address"
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=900) == 0
    finally:
        process.kill()
