"""Tokens through lhotse's own pipeline: cuts, storage, manifests, and back."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from tests.toy import toy_speech

lhotse = pytest.importorskip("lhotse")


def test_ids_through_cuts(codec: SecoustiCodec, model: str, corpus: Path, tmp_path: Path) -> None:
    from secousti.integrations.lhotse import SecoustiTokens, SecoustiTokensConfig

    extractor = SecoustiTokens(SecoustiTokensConfig(model=model))
    paths = [corpus / f"{name}.wav" for name in ("a/u1", "b/u2")]
    cuts = lhotse.CutSet.from_cuts(lhotse.Recording.from_file(p).to_cut() for p in paths)
    cuts = cuts.compute_and_store_features(
        extractor, tmp_path / "ids", storage_type=lhotse.NumpyFilesWriter
    ).to_eager()
    assert len(list((tmp_path / "ids").rglob("*.npy"))) == len(paths)
    for path, cut in zip(paths, cuts, strict=True):
        want = codec.encode(str(path), voice=False).codes[0].T.numpy()
        stored = cut.load_features()
        assert len(want) - 1 <= len(stored) <= len(want)
        np.testing.assert_array_equal(stored, want[: len(stored)])
        assert stored.dtype == np.int32
        assert cut.features.type == "secousti-tokens"
        assert cut.features.frame_shift == codec.frame_size / codec.sample_rate
    other = lhotse.Recording.from_file(corpus / "a/u0.wav").to_cut()
    with pytest.raises(SecoustiError, match=r"cuts\.resample\(22050\)"):
        other.compute_features(extractor)
    assert len(other.resample(22050).compute_features(extractor)) == 9


def test_batches_and_names(codec: SecoustiCodec, model: str) -> None:
    from lhotse.features.base import FeatureExtractor

    from secousti.integrations.lhotse import SecoustiTokens

    extractor = FeatureExtractor.from_dict({"feature_type": "secousti-tokens", "model": model})
    assert isinstance(extractor, SecoustiTokens)
    rows = [toy_speech(seconds, seed=i)[0].numpy() for i, seconds in enumerate((0.8, 0.3))]
    alone = [extractor.extract(row, 22050) for row in rows]
    again = pickle.loads(pickle.dumps(extractor))
    for one, other in zip(alone, again.extract_batch(rows, 22050), strict=True):
        np.testing.assert_array_equal(one, other)
    padded = np.stack([rows[0], np.pad(rows[1], (0, len(rows[0]) - len(rows[1])))])
    counts = np.array([len(row) for row in rows])
    for one, other in zip(alone, extractor.extract_batch(padded, 22050, counts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert extractor.feature_dim(22050) == codec.num_codebooks
