"""The minutes of a job that may be interrupted: how many there are, what they went to."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from secousti.atomic import write_json
from secousti.errors import SecoustiError

NAME = "job.json"


class Stopped(SecoustiError):
    """A signal ended the work before its end; the same command goes on."""


class Ledger:
    """``FOLDER/job.json``: the job's arguments, the seconds worked, the parts that are done.

    Only work counts: the time between an interruption and the next start does not.

    Args:
        folder: of the job; made if needed.
        minutes: the budget. A job that continues may be given another one.
        job: what makes it this job; a folder holds one.

    Raises:
        SecoustiError: the folder holds another job or a damaged one, or the budget is not above 0
            or has no end.
    """

    def __init__(self, folder: Path, minutes: float, job: dict[str, Any]) -> None:
        if not 0 < minutes < math.inf:
            raise SecoustiError(f"--minutes is {minutes:g}; give a number above 0")
        self.path, self.minutes = folder / NAME, minutes
        folder.mkdir(parents=True, exist_ok=True)
        known = self._read()
        changed = [] if known is None else [k for k in job if known["job"].get(k) != job[k]]
        if changed:
            raise SecoustiError(
                f"{folder} holds another job ({', '.join(changed)} differ): repeat its command, or "
                "choose another folder"
            )
        self.job = job
        self.spent: dict[str, float] = {} if known is None else known["spent"]
        self.done: dict[str, Any] = {} if known is None else known["done"]
        self.began: dict[str, float] = {}
        self.kept = True  # by the folder
        self._write()

    def left(self) -> float:
        """Seconds of the budget that nobody has used; below 0 once it is overdrawn."""
        now = time.monotonic()
        running = sum(now - start for start in self.began.values())
        return 60 * self.minutes - sum(self.spent.values()) - running

    @contextmanager
    def part(self, name: str) -> Iterator[dict[str, Any]]:
        """Do the part ``name``; what is put into the dict is kept with it. Not to be nested.

        It is done when it ends without an error; the time counts either way. Where the first part
        finds that the job cannot be done, the folder holds none.
        """
        note: dict[str, Any] = {}
        self.began[name] = time.monotonic()
        try:
            yield note
            self.done[name] = note
        except SecoustiError as error:
            self.kept = bool(self.done) or isinstance(error, Stopped)
            raise
        finally:
            own = time.monotonic() - self.began.pop(name)
            self.spent[name] = self.spent.get(name, 0.0) + own
            self._write()

    def _read(self) -> dict[str, Any] | None:
        return _document(self.path)

    def _write(self) -> None:
        if not self.kept:
            self.path.unlink(missing_ok=True)
            return
        document = {"job": self.job, "minutes": self.minutes, "spent": self.spent}
        write_json(self.path, document | {"done": self.done})


def job_in(folder: Path) -> dict[str, Any] | None:
    """What the job in a folder is, where there is one."""
    known = _document(folder / NAME)
    return None if known is None else known["job"]


def _document(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        known: dict[str, Any] = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError):
        known = {}
    if not {"job", "spent", "done"} <= known.keys():
        raise SecoustiError(f"{path} is damaged: remove it to begin anew, or choose another folder")
    return known
