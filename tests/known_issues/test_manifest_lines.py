"""Manifests as they come: pieces of recordings, bad lines, ids and paths."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from secousti.errors import Note, SecoustiError
from secousti.manifest import Piece, parse_line, read_manifest, to_entry


def entry(**fields: Any) -> Any:
    return to_entry(fields, 1, lambda audio: audio)


# Users saw: every line of a NeMo manifest got the tokens of the whole recording.
@pytest.mark.parametrize(
    ("fields", "bounds"),
    [
        ({"audio_filepath": "a.wav", "offset": 0.5, "duration": 1.0}, (50, 150)),
        ({"audio_filepath": "a.wav", "duration": 1.0}, (0, 100)),
        ({"audio": "a.wav", "offset": 2, "duration": 1.5}, (200, 350)),
        ({"audio": "a.wav", "start": 4.0, "end": 5.0}, (400, 500)),
        ({"audio": "a.wav", "start": 4.0, "duration": 1.0}, (400, 500)),
        ({"audio": "a.wav", "start": 4.0, "end": 5.0, "duration": 1.0}, (400, 500)),
        ({"audio": "a.wav", "end": 5.0}, (0, 500)),
        ({"audio": "a.wav", "offset": 5.5}, (550, 600)),
        ({"audio": "a.wav", "offset": 5.5, "duration": 0.504}, (550, 600)),
        ({"audio": "a.wav", "offset": None, "duration": None}, (0, 600)),
        ({"audio": "a.wav", "duration": 6.0}, (0, 600)),
        ({"audio": "a.wav"}, (0, 600)),
    ],
)
def test_times_name_a_piece(fields: dict[str, Any], bounds: tuple[int, int]) -> None:
    assert entry(**fields).piece.bounds(600, 100) == bounds


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"offset": "0.5"}, "'offset' must be a number"),
        ({"offset": -1}, "'offset' is -1"),
        ({"offset": True}, "'offset' must be a number"),
        ({"start": 1, "end": 1}, "before its start"),
        ({"start": 1, "offset": 2}, "contradict"),
        ({"start": 1, "end": 2, "duration": 5}, "'duration' is 5 s"),
        ({"duration": float("nan")}, "'duration' is nan"),
        ({"id": ["a"]}, "'id' must be"),
        ({"id": False}, "'id' must be"),
    ],
)
def test_times_that_cannot_be_meant_are_refused_by_name(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SecoustiError, match=complaint):
        entry(audio="a.wav", **fields)


@pytest.mark.parametrize(
    ("piece", "complaint"),
    [
        (Piece(5.0, 2.0), "not within the recording, which lasts 6.000 s"),
        (Piece(7.0), "not within the recording"),
        (Piece(whole=1.0), 'give "offset" too'),
        (Piece(1.0, 0.001), "shorter than one sample"),
    ],
)
def test_a_piece_outside_the_recording(piece: Piece, complaint: str) -> None:
    with pytest.raises(SecoustiError, match=complaint):
        piece.bounds(600, 100)


# Users saw: one null, list or number in the place of a path ended the whole run.
@pytest.mark.parametrize(
    "line",
    [
        b'{"audio": null}',
        b'{"audio": ["a.wav"]}',
        b'{"audio": 5}',
        b'{"audio": {"path": "a.wav"}}',
        b'{"audio": ""}',
        b'{"text": "no audio"}',
        b'["a.wav"]',
        b"null",
        b"{",
        b'{"audio": "caf\xe9.wav"}',
        b"[" * 100_000,
        b'{"audio": "a.wav", "offset": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_bad_line_is_a_fault_with_its_number(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    good = b'{"audio": "s.wav"}\n'
    path.write_bytes(b"\n" + line + b"\n" + good)
    faults: list[tuple[int, str]] = []
    entries = list(read_manifest(path, on_fault=lambda *fault: faults.append(fault)))
    assert [found.number for found in entries] == [3]
    assert [number for number, _ in faults] == [2]
    with pytest.raises(SecoustiError, match=r"m\.jsonl, line 2: "):
        list(read_manifest(path))


def test_pieces_of_one_recording_have_names_of_their_own() -> None:
    names = [entry(audio="d/a.wav", offset=i, duration=1).id for i in range(2)]
    assert names == ["d/a@0.000-1.000", "d/a@1.000-2.000"]
    assert entry(audio="d/a.wav").id == "d/a"
    assert entry(audio="d/a.wav", id=7).id == "7"


# Users saw: two utterances of one name, of which a table kept the last.
def test_a_name_that_came_before_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"audio": "a.wav", "id": "x"}\n{"audio": "b.wav", "id": "x"}\n')
    faults: list[tuple[int, str]] = []
    entries = list(read_manifest(path, on_fault=lambda *fault: faults.append(fault)))
    assert [found.audio for found in entries] == ["a.wav"]
    assert faults == [(2, "the id 'x' was given before, in line 1")]


# Users saw: the same manifest read by one command and not by the next.
def test_paths_start_from_the_folder_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "a.wav").touch()
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"audio": "wavs/a.wav"}))
    (found,) = read_manifest(path)
    assert os.path.samefile(found.location, tmp_path / "wavs" / "a.wav")
    (found,) = read_manifest(path, root=tmp_path)
    assert os.path.samefile(found.location, tmp_path / "wavs" / "a.wav")


@pytest.mark.parametrize("with_root", [True, False])
def test_paths_of_the_old_reading_are_found_and_named(
    with_root: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    other = tmp_path / "lists" if with_root else tmp_path
    (other / "a.wav").touch()
    path = tmp_path / "lists" / "m.jsonl"
    path.write_text('{"audio": "a.wav"}\n{"audio": "b.wav"}\n')
    root = tmp_path / "elsewhere" if with_root else None
    with pytest.warns(Note, match="names recordings relative to") as notes:
        first, second = read_manifest(path, root=root)
    assert len(notes) == 1
    assert os.path.samefile(first.location, other / "a.wav")
    assert second.location == str((root or path.parent) / "b.wav")  # missing: as the rule says


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse_line(b'\xef\xbb\xbf{"audio": "a.wav"}') == {"audio": "a.wav"}
