"""The corpus that fuzzing has left, replayed: what was ever a finding stays a sentence."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tests.fuzzing.checksums import believed
from tests.fuzzing.seeds import seeds
from tests.fuzzing.targets import TARGETS, attack


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


@pytest.mark.parametrize("case", FINDINGS)
def test_findings(case: str) -> None:
    assert not attack(*FINDINGS[case])
