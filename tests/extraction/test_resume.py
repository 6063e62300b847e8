"""Killed anywhere and started again, the output is that of an uninterrupted run, to the byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import secousti.extraction
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.journal import locked
from secousti.extraction.run import Rank
from secousti.extraction.settings import Settings
from tests.extraction.conftest import contents
from tests.toy import toy_codec

CODE = str(Path(secousti.extraction.__file__).parent)


class KillAtLine:
    """Counts executed lines of secousti.extraction, and dies by SIGKILL at one of them."""

    def __init__(self, line: int = -1) -> None:
        self.left = line
        self.count = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.left:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process; its wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


@pytest.fixture(params=["parquet", "webdataset", "shar"])
def format_settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    pytest.importorskip({"parquet": "pyarrow", "shar": "lhotse"}.get(request.param, "tarfile"))
    return replace(settings, format=request.param)


def test_killed_at_random_lines(corpus: Path, format_settings: Settings, tmp_path: Path) -> None:
    tracer = KillAtLine()
    sys.settrace(tracer)
    try:
        whole = extract(corpus, tmp_path / "whole", format_settings, processes=1)
    finally:
        sys.settrace(None)
    assert whole.complete
    assert whole.totals["items"] == 14
    expected = contents(tmp_path / "whole")
    chance = random.Random(1)
    killed = 0
    for trial in range(4):
        out = tmp_path / f"killed{trial}"
        for _ in range(3):

            def run(line: int = chance.randrange(1, tracer.count), out: Path = out) -> None:
                sys.settrace(KillAtLine(line))
                extract(corpus, out, format_settings, processes=1)

            killed += in_child(run) == signal.SIGKILL
        again = extract(corpus, out, format_settings, processes=1)
        assert again.complete
        assert contents(out) == expected
        assert not (out / ".secousti" / "parts").exists()
    assert killed >= 4


def test_killed_between_the_shard_and_its_journal_line(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    def run() -> None:
        import secousti.extraction.journal as journal

        def die(self: Any, record: Any) -> None:
            self._file.write('{"shard": 0, "fil')  # half a line reaches the disk
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        journal.Journal.add = die  # type: ignore[method-assign]
        extract(corpus, tmp_path / "killed", settings, processes=1)

    assert in_child(run) == signal.SIGKILL
    extract(corpus, tmp_path / "killed", settings, processes=1)
    extract(corpus, tmp_path / "whole", settings, processes=1)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_workers_killed_with_the_command(
    corpus: Path, settings: Settings, model: str, tmp_path: Path
) -> None:
    """The real command with two workers, kill -9 at the first finished shard."""
    command = [sys.executable, "-m", "secousti", "extract", str(corpus), "-o"]
    options = ["-m", model, "--shard-size", "4", "--batch-seconds", "3", "-j", "2"]
    out = tmp_path / "killed"
    process = subprocess.Popen([*command, str(out), *options], stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(out.glob(".secousti/parts/*")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    subprocess.run([*command, str(out), *options], check=True, stderr=subprocess.DEVNULL)
    same = Settings(model, shard_size=4, batch_seconds=3.0)
    extract(corpus, tmp_path / "whole", same, processes=1)
    assert contents(out) == contents(tmp_path / "whole")


def test_finished_shards_are_kept_and_lost_ones_made_again(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    first = extract(corpus, tmp_path, settings, processes=1)
    before = contents(tmp_path)
    assert extract(corpus, tmp_path, settings, processes=1).shards_made == 0
    next((tmp_path / "shards").iterdir()).unlink()
    again = extract(corpus, tmp_path, settings, processes=1)
    assert (again.shards_made, again.shards_kept) == (1, first.shards_made - 1)
    assert contents(tmp_path) == before


def test_two_runs_on_one_output_are_detected(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    with locked(tmp_path / "out"), pytest.raises(SecoustiError, match="another run is writing"):
        extract(corpus, tmp_path / "out", settings, processes=1)


def test_another_model_setting_or_input_refuses_to_mix(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    extract(corpus / "all.jsonl", out, settings, processes=1)
    other = str(toy_codec(seed=5).save_pretrained(tmp_path / "other"))
    with pytest.raises(SecoustiError, match="token_hash was"):
        extract(corpus / "all.jsonl", out, replace(settings, model=other), processes=1)
    with pytest.raises(SecoustiError, match=r"shard_size was 4, is 5"):
        extract(corpus / "all.jsonl", out, replace(settings, shard_size=5), processes=1)
    with pytest.raises(SecoustiError, match="input was"):
        extract(corpus, out, settings, processes=1)
    moved = str(toy_codec().save_pretrained(tmp_path / "toy"))  # the same weights elsewhere
    assert extract(corpus / "all.jsonl", out, replace(settings, model=moved), processes=1).complete


def test_a_folder_with_other_files_is_left_alone(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SecoustiError, match="holds other files"):
        extract(corpus, tmp_path, settings, processes=1)


def test_ranks_share_the_work(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "ranks"
    parts = [extract(corpus, out, settings, rank=Rank(r, 3, r), processes=1) for r in range(3)]
    assert [part.complete for part in parts] == [False, False, True]
    assert all(part.shards_made for part in parts)
    extract(corpus, tmp_path / "whole", settings, processes=1)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_killed_worker_is_replaced(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    import multiprocessing

    def watch(tasks: Any, mine: Any) -> Callable[[Any], None]:
        state = {"done": False}

        def notify(event: Any) -> None:
            if not state["done"]:
                state["done"] = True
                multiprocessing.active_children()[0].kill()

        return notify

    summary = extract(corpus, tmp_path / "out", settings, processes=2, watch=watch)
    assert summary.complete
    extract(corpus, tmp_path / "whole", settings, processes=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_faults_are_recorded_and_strict_fails(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    extract(corpus, tmp_path / "out", settings, processes=1)
    faults = (tmp_path / "out" / "faults.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in faults] == ["s1/bad"]
    assert "is not audio that can be read" in faults[0]
    with pytest.raises(SecoustiError, match="s1/bad"):
        extract(corpus, tmp_path / "strict", replace(settings, strict=True), processes=1)
