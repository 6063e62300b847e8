"""Manifest rows: round trip, validation that names the fault, atomic writing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from data_prep.manifest import Row, read_manifest, write_manifest
from secousti.errors import SecoustiError

GOOD: dict[str, Any] = {"audio": "a/b.wav", "speaker": "s", "language": "en", "duration": 1.0}


def test_a_row_survives_the_round_trip_with_unknown_keys(tmp_path: Path) -> None:
    full = Row.from_dict(
        GOOD
        | {
            "text": "北京 hi",
            "phones": [[0, 0.5, "HH"], [0.5, 1.0, "AY1"]],
            "words": [[0, 1.0, "hi"]],
            "confidence": 0.9,
            "corpus": "c",
            "license": "CC0",
            "take": {"mood": ["calm"]},
        }
    )
    write_manifest(tmp_path / "m.jsonl", [full, Row.from_dict(GOOD)])
    assert list(read_manifest(tmp_path / "m.jsonl")) == [full, Row.from_dict(GOOD)]
    assert full.extra == {"take": {"mood": ["calm"]}}
    assert json.loads((tmp_path / "m.jsonl").read_text("utf-8").splitlines()[1]) == GOOD


def test_canonical_phones_without_times_become_the_pronunciation() -> None:
    row = Row.from_dict(GOOD | {"phones": "HH_B AY1_E"})
    assert row.phones is None
    assert row.pronunciation == "HH_B AY1_E"
    assert Row.from_dict(row.to_dict()) == row


def test_the_id_is_the_path_without_suffix_unless_given() -> None:
    assert Row.from_dict(GOOD).id == "a/b"
    assert Row.from_dict(GOOD | {"id": "x.1"}).to_dict()["id"] == "x.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": None}, "'audio' is missing"),
        ({"speaker": " "}, "'speaker'"),
        ({"speaker": 3}, "'speaker'"),
        ({"language": 5}, "'language'"),
        ({"duration": "1"}, "'duration' must be a finite number"),
        ({"duration": -1}, "must lie in"),
        ({"duration": float("nan")}, "finite"),
        ({"text": 5}, "'text'"),
        ({"confidence": 2}, "'confidence'"),
        ({"phones": [[0, 1]]}, "'phones' holds"),
        ({"phones": [[0.5, 0.2, "A"]]}, "not in order"),
        ({"words": [[0, 0.5, "a"], [0.3, 0.6, "b"]]}, "'words' is not in order"),
        ({"phones": [[0, 1.2, "A"]]}, "after the audio"),
        ({"words": "hello"}, "'words' must be a list"),
    ],
)
def test_a_bad_row_names_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        Row.from_dict(GOOD | change)


def test_bad_lines_are_named_or_reported_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    good = json.dumps(GOOD).encode()
    path.write_bytes(b"\n".join([good, b"{", b'{"audio": "x\xff"}', b"[1]", b"", good]))
    with pytest.raises(SecoustiError, match="line 2: not JSON"):
        list(read_manifest(path))
    faults: list[tuple[int, str]] = []
    rows = list(read_manifest(path, lambda number, reason: faults.append((number, reason))))
    assert len(rows) == 2
    assert [number for number, _ in faults] == [2, 3, 4]
    assert "UTF-8" in faults[1][1]


def test_a_missing_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="cannot be read"):
        list(read_manifest(tmp_path / "none.jsonl"))


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    write_manifest(path, [Row.from_dict(GOOD)])
    before = path.read_bytes()

    def rows() -> Any:
        yield Row.from_dict(GOOD)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_manifest(path, rows())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.jsonl"]


def test_a_link_stays_and_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    """An administrator's /dev/null would be lost the same way."""
    real, link, pipe = tmp_path / "real.jsonl", tmp_path / "link.jsonl", tmp_path / "pipe"
    link.symlink_to(real)
    write_manifest(link, [Row.from_dict(GOOD)])
    assert link.is_symlink()
    assert len(list(read_manifest(real))) == 1
    os.mkfifo(pipe)
    with pytest.raises(SecoustiError, match="is not replaced"):
        write_manifest(pipe, [Row.from_dict(GOOD)])
    assert pipe.is_fifo()


@pytest.mark.parametrize("audio", ["/abs/x.wav", "s3://bucket/x.wav"])
def test_absolute_paths_and_urls_ignore_the_root(audio: str) -> None:
    assert Row.from_dict(GOOD | {"audio": audio}).audio_path("/root") == audio
    assert Row.from_dict(GOOD).audio_path("/data") == "/data/a/b.wav"


def test_the_shared_speech_is_a_manifest(speech: Path) -> None:
    rows = list(read_manifest(speech / "train.jsonl"))
    assert len(rows) > 1000
    assert {row.language for row in rows} == {"en", "zh"}
    assert any(row.text is None for row in rows)
