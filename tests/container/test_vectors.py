"""Files of every version that was ever written are read for ever (tests/vectors)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secousti import container
from secousti.container import End, Header, Reader, Tokens, Voice
from secousti.container.packet import PacketCodec
from secousti.entropy import load_coder

VECTORS = Path(__file__).parents[1] / "vectors"
INDEX: dict[str, Any] = {
    f"{version}/{name}": content
    for version in ("v1", "v2")
    for name, content in json.loads(
        (VECTORS / f"{version}.json").read_text(encoding="utf-8")
    ).items()
}
CODER = load_coder(VECTORS / "v2" / "coder.safetensors")


def read(name: str) -> tuple[Reader, list]:
    with open(VECTORS / f"{name}.sct", "rb") as file:
        reader = Reader(file, coders=lambda header: [CODER])
        return reader, list(reader)


@pytest.mark.parametrize("name", [name for name in INDEX if "header" in INDEX[name]])
def test_every_version_is_read(name: str) -> None:
    reader, events = read(name)
    wanted = INDEX[name]
    runs = [event.codes for event in events if isinstance(event, Tokens)]
    books = reader.header.num_codebooks
    found = np.concatenate(runs, axis=1) if runs else np.zeros((books, 0), int)
    np.testing.assert_array_equal(found, wanted["codes"])
    voices = [[e.start, e.codes.tolist()] for e in events if isinstance(e, Voice)]
    assert voices == wanted["voices"]
    assert isinstance(events[-1], End)
    assert list(dataclasses.astuple(events[-1])) == wanted["end"]
    assert dataclasses.asdict(reader.bits) == wanted["bits"]
    header = dataclasses.asdict(reader.header)
    for field, value in wanted["header"].items():
        value = {"entropy": "adaptive"}.get(value, value) if field == "payload" else value
        assert header[field] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", [name for name in INDEX if "error" in INDEX[name]])
def test_faulty_ones_are_refused(name: str) -> None:
    kind, says = getattr(container, INDEX[name]["error"]), INDEX[name]["says"]
    with pytest.raises(kind, match=says):
        read(name)


def test_the_packet() -> None:
    header = Header(**{**INDEX["v2/whole-learned"]["header"], "token_hash": "0123456789abcdef"})
    packet = (VECTORS / "v2" / "packet.bin").read_bytes()
    codes, voice = PacketCodec(header, CODER).read(packet)
    wanted = INDEX["v2/packet"]
    assert codes.tolist() == wanted["codes"]
    assert voice is not None
    assert voice.tolist() == wanted["voice"]


def test_a_run_that_cannot_be_decoded_is_named() -> None:
    with pytest.raises(
        container.CorruptedError, match=r"record 0 \(at byte 30\): it holds a token"
    ):
        read("v2/bad-outside-codebook")
