"""Files of every version that was ever written are read for ever (tests/vectors)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secousti import container
from secousti.container import End, Reader, Tokens, Voice

VECTORS = Path(__file__).parents[1] / "vectors"
V1: dict[str, Any] = json.loads((VECTORS / "v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in V1 if "error" not in V1[name]])
def test_version_1_is_read(name: str) -> None:
    with open(VECTORS / "v1" / f"{name}.sct", "rb") as file:
        reader = Reader(file)
        events = list(reader)
    wanted = V1[name]
    runs = [event.codes for event in events if isinstance(event, Tokens)]
    found = np.concatenate(runs, axis=1) if runs else np.zeros((1, 0), int)
    np.testing.assert_array_equal(found, wanted["codes"])
    voices = [[e.start, e.codes.tolist()] for e in events if isinstance(e, Voice)]
    assert voices == wanted["voices"]
    assert isinstance(events[-1], End)
    assert list(dataclasses.astuple(events[-1])) == wanted["end"]
    assert dataclasses.asdict(reader.bits) == wanted["bits"]
    header = dataclasses.asdict(reader.header)
    for field, value in wanted["header"].items():
        assert header[field] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", [name for name in V1 if "error" in V1[name]])
def test_faulty_version_1_is_refused(name: str) -> None:
    kind, says = getattr(container, V1[name]["error"]), V1[name]["says"]
    with open(VECTORS / "v1" / f"{name}.sct", "rb") as file, pytest.raises(kind, match=says):
        list(Reader(file))
