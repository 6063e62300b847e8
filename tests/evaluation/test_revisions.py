"""Results in a cache are of today's code: a new revision is computed again, and values are pinned.

When a change moves a value of ``PINNED``, raise ``revision`` of that metric and write the new pair.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from secousti.evaluation.audio import Audio
from secousti.evaluation.cache import Cache
from secousti.evaluation.codecs.classic import Opus
from secousti.evaluation.codecs.ours import Secousti
from secousti.evaluation.metrics import Sample, make_metric, metric_class
from secousti.evaluation.metrics.distortion import LogSpectralDistance
from secousti.evaluation.worker import identity
from tests.evaluation.conftest import ready

# metric -> (revision, value for the test voice with noise)
PINNED = {
    "pesq": (1, 1.313),
    "pesq_nb": (1, 2.479),
    "stoi": (1, 0.9403),
    "estoi": (1, 0.7816),
    "speaker_similarity": (1, 0.7712),
    "lsd": (1, 3.831),
    "mcd": (1, 11.54),
    "msep": (2, 0.01266),
    "f0_cents": (2, 1.537),
    "vuv": (2, 0.0),
    "si_sdr": (1, 15.71),
    "dnsmos": (1, 2.047),
}


@pytest.fixture
def noisy(speech: Audio) -> Sample:
    noise = 0.02 * np.random.default_rng(0).standard_normal(len(speech.samples))
    return Sample(Audio(speech.samples + noise.astype(np.float32), 16000), speech)


@pytest.mark.parametrize("name", PINNED)
def test_a_value_moves_only_with_its_revision(name: str, noisy: Sample) -> None:
    revision, value = PINNED[name]
    assert metric_class(name).revision == revision
    assert ready(name).score(noisy).value == pytest.approx(value, rel=0.01, abs=1e-6)


def test_a_new_revision_of_a_metric_is_computed_again(
    noisy: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    compute = LogSpectralDistance.compute
    monkeypatch.setattr(
        LogSpectralDistance, "compute", lambda self, s: calls.append(1) or compute(self, s)
    )
    for revision in (1, 1, 2, 1):
        monkeypatch.setattr(LogSpectralDistance, "revision", revision)
        make_metric("lsd", Cache(tmp_path)).score(noisy)
    assert len(calls) == 2


def test_a_new_revision_of_a_codec_is_coded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(Opus(name="opus"))
    monkeypatch.setattr(Opus, "revision", Opus.revision + 1)
    assert identity(Opus(name="opus")) != before
    assert identity(Opus(name="opus", kbps=8.0)) != identity(Opus(name="opus"))


def test_bits_are_those_of_the_coder_that_a_codec_has_now() -> None:
    ours = Secousti(name="mini-21hz")
    before = identity(ours)
    ours.inner.coder = None
    assert identity(ours) != before
