"""The corpus that fuzzing has left, replayed: what was ever a finding stays a sentence."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from secousti.container import CorruptedError
from secousti.container.version2.runs import read_voice
from tests.fuzzing.checksums import believed
from tests.fuzzing.seeds import seeds
from tests.fuzzing.targets import CODER, HEADER, TARGETS, VOICE, attack


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_a_result_or_a_sentence(name: str) -> None:
    taken = 0
    for checked in (nullcontext, believed):
        with checked():
            taken += sum(attack(name, data) for data in seeds(name))
    assert taken  # else the target attacks nothing


# What was found, with the line of benchmarks.fuzz that says it.
FINDINGS = {
    "a Wave64 chunk longer than any file can be": (
        "wav",
        b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + bytes(8) + b"wave" + bytes(12)
        + b"junk" + bytes(12) + b"\xff" * 8,
    ),
}  # fmt: skip


# A voice whose code is of 64 numbers, in a file that says another number.
def test_a_coded_voice_of_another_size() -> None:
    made = replace(HEADER, paralinguistic=80)
    voice = np.arange(VOICE, dtype=np.int8)
    data = CODER.encode_voice(voice, None)
    with pytest.raises(CorruptedError, match="64 numbers, and the header says 80"):
        read_voice(made, CODER, data)
    assert len(read_voice(HEADER, CODER, data)) == VOICE


def test_beginnings_of_mp3_come_in_order() -> None:
    """Tags that described frames before the last beginning gave recordings of less than nothing."""
    data = (
        b"\xff\xfb\x00\xff\xfb\x00\x00\x00\x00\x00\x00\x00\xd9ID3\x02\x00\x00\x00\x00\x00\x00"
        b"\xff\xfb\x94\xc4\x00\x00\x00\xff\xfb\x00[VBRI1VBRI"
    )
    assert attack("chain", data)


@pytest.mark.parametrize("case", FINDINGS)
def test_findings(case: str) -> None:
    assert not attack(*FINDINGS[case])
