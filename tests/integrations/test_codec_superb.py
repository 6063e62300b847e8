"""Codec-SUPERB's calls on our codecs: units of single recordings and of batches, and sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.integrations.codec_superb import SecoustiBaseCodec
from tests.toy import toy_speech


def sample(seconds: float, rate: int, seed: int) -> dict[str, Any]:
    """As its data sets give them: float64 arrays and their rate."""
    audio = toy_speech(seconds, rate, seed)[0].numpy().astype(np.float64)
    return {"id": f"u{seed}", "audio": {"array": audio, "sampling_rate": rate}}


def test_units_of_a_batch_are_those_of_each(codec: SecoustiCodec, model: str) -> None:
    runner = SecoustiBaseCodec(model, device="cpu")
    assert runner.sampling_rate == codec.sample_rate
    assert runner.setting == "toy"
    assert runner.supports_decode
    data = [sample(0.9, 22050, 0), sample(0.4, 16000, 1), sample(0.65, 22050, 2)]
    batch = runner.batch_extract_unit(data)
    audio = runner.batch_decode_unit(batch)
    assert batch.batch_size == 3
    for i, one in enumerate(data):
        alone = runner.extract_unit(one)
        ours = codec.encode((one["audio"]["array"], one["audio"]["sampling_rate"]))
        assert torch.equal(alone.unit, ours.codes[0])
        assert torch.equal(batch.units[i], alone.unit)
        heard = runner.decode_unit(alone.stuff_for_synth)
        assert heard.ndim == 1
        np.testing.assert_array_equal(heard, audio[i])
        np.testing.assert_allclose(heard, codec.decode(ours)[0, 0].numpy(), atol=1e-6)


def test_what_is_no_audio(model: str) -> None:
    runner = SecoustiBaseCodec(model, device="cpu")
    with pytest.raises(SecoustiError, match="NaN"):
        runner.extract_unit({"audio": {"array": np.full(4000, np.nan), "sampling_rate": 16000}})
