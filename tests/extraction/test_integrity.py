"""Replaced recordings, damaged shards and damaged notes: seen, named and made good."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from secousti.audio.io import save_audio
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.dataset import TokenDataset
from secousti.extraction.engines.local import run_pool
from secousti.extraction.inputs import open_source
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Item, Task
from secousti.extraction.journal import Record
from secousti.extraction.settings import CodecFacts, Settings
from secousti.extraction.shard import Job
from secousti.extraction.tokenizer import Tokenizer
from tests.extraction.conftest import contents
from tests.toy import toy_speech

pytest.importorskip("pyarrow")


@pytest.fixture
def own(corpus: Path, tmp_path: Path) -> Path:
    """A copy of the corpus that a test may change."""
    return Path(shutil.copytree(corpus, tmp_path / "own"))


@pytest.mark.parametrize("fingerprint", ["stat", "content"])
def test_a_replaced_recording_is_tokenised_again(
    own: Path, settings: Settings, tmp_path: Path, fingerprint: Any
) -> None:
    """Users saw the old ids of a recording that had been replaced by a longer one."""
    settings = replace(settings, fingerprint=fingerprint)
    extract(own / "all.jsonl", tmp_path / "out", settings, processes=1)
    path = own / "s0" / "u00.wav"
    before = path.stat()
    save_audio(path, toy_speech(3.0, 22050, seed=99), 22050)
    if fingerprint == "content":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = extract(own / "all.jsonl", tmp_path / "out", settings, processes=1)
    assert (again.shards_made, again.renewed) == (
        1,
        ["recordings of shard 0 have changed since it was made"],
    )
    extract(own / "all.jsonl", tmp_path / "new", settings, processes=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "new")
    assert extract(own / "all.jsonl", tmp_path / "out", settings, processes=1).shards_made == 0


def test_verify_finds_a_flipped_byte(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    """A byte that the disk flipped kept its size, and nobody looked."""
    out = tmp_path / "out"
    extract(corpus, out, settings, processes=1)
    before = contents(out)
    shard = sorted((out / "shards").iterdir())[1]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    assert extract(corpus, out, settings, processes=1).shards_made == 0
    again = extract(corpus, out, settings, processes=1, verify=True)
    assert again.renewed == ["shard 1 is damaged: its hash is another"]
    assert contents(out) == before


def test_a_corpus_of_which_nothing_could_be_read_is_an_error(model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_bytes(b"no audio")
    command = [sys.executable, "-m", "secousti", "extract", str(tmp_path / "in")]
    said = subprocess.run(
        [*command, "-o", str(tmp_path / "out"), "-m", model, "-j", "1"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 1
    assert "not one recording of" in said.stderr
    assert "faults.jsonl" in said.stderr


def test_damaged_notes_fall_back_or_explain_themselves(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    extract(corpus, out, settings, processes=1)
    before = contents(out)
    state = out / ".secousti"
    journal = state / "journal.0.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(b'"items": 4', b'"items": 5')  # still JSON, no longer true
    lines[1] = b"\xff\x00" + lines[1][2:]
    journal.write_bytes(b"".join(lines))
    again = extract(corpus, out, settings, processes=1)
    assert again.shards_made == 2
    assert [reason.split(" of ")[0] for reason in again.renewed] == ["line 1", "line 2"]
    assert contents(out) == before
    (out / "index.json").write_text('{"codec": ')
    with pytest.raises(SecoustiError, match=r"index.json is damaged: run the same"):
        TokenDataset(out)
    extract(corpus, out, settings, processes=1)
    assert contents(out) == before
    (state / "plan.json").write_text("[]")
    with pytest.raises(SecoustiError, match=r"plan.json is damaged, so nothing says"):
        extract(corpus, out, settings, processes=1)


def test_a_shard_that_is_not_the_one_of_the_index_is_not_read(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    extract(corpus, tmp_path, settings, processes=1)
    shard = sorted((tmp_path / "shards").iterdir())[-1]
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(SecoustiError, match=f"{shard.name} has .* bytes instead of .*--verify"):
        list(TokenDataset(tmp_path))


def test_a_recording_that_cannot_be_computed_is_a_fault(
    corpus: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Tokenizer._tokenize

    def fail(self: Tokenizer, rows: list[torch.Tensor]) -> Any:
        if any(len(row) == 22050 * 2 // 5 for row in rows):  # s2/u08, of 0.4 s
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return compute(self, rows)

    monkeypatch.setattr(Tokenizer, "_tokenize", fail)
    summary = extract(corpus, tmp_path / "out", settings, processes=1)
    reasons = {fault["id"]: fault["reason"] for fault in summary.faults}
    assert len(reasons) == 2
    assert any("can't allocate memory" in reason for reason in reasons.values())
    assert summary.totals["items"] == 13
    with pytest.raises(SecoustiError, match="could not be computed"):
        extract(corpus / "s2", tmp_path / "strict", replace(settings, strict=True), processes=1)


@dataclass(frozen=True)
class Deadly(Source):
    """A corpus one of whose recordings ends the process that opens it."""

    inner: Source

    def tasks(self) -> list[Task]:
        return self.inner.tasks()

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    def items(self, task: Task) -> Iterator[Item]:
        for item in self.inner.items(task):
            yield replace(item, load=_die) if item.id.endswith("u04") else item


def _die() -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_recording_that_ends_its_worker_is_a_fault(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    """One absurd recording ended an extraction for good: its worker died at every try."""
    settings = replace(settings, shard_size=20)
    source = Deadly(open_source(str(corpus / "all.jsonl"), tmp_path, 20))
    facts = CodecFacts.of(settings.load_codec())
    events = run_pool(source.tasks(), Job(source, settings, facts, tmp_path), 2)
    (record,) = [event for event in events if isinstance(event, Record)]
    assert record.items == 13
    assert [fault.id for fault in record.faults] == ["s1/u04", "s1/bad"]
    assert "ended the process that worked on it" in record.faults[0].reason


def test_what_a_killed_run_was_writing_is_cleared_away(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    extract(corpus, tmp_path / "out", settings, processes=1)
    before = contents(tmp_path / "out")
    for name in (".index.json.99-1.part", ".faults.jsonl.99-0.part"):
        (tmp_path / "out" / name).write_text('{"half')
    extract(corpus, tmp_path / "out", settings, processes=1)
    assert contents(tmp_path / "out") == before
