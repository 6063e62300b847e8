"""Tokens as a lhotse ``FeatureExtractor``: cuts in, a feature manifest of token ids out.

Importing this module registers the extractor with lhotse. Ids are int32 [L, K]: store them with a
writer that keeps integers (``NumpyFilesWriter``, ``NumpyHdf5Writer``), not with lilcom's, which
rounds. For whole corpora, ``secousti extract --format shar`` is faster and can be resumed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.base import Codec
from secousti.encoded import Encoded
from secousti.errors import SecoustiError, require
from secousti.hub.resolve import DEFAULT_MODEL, load_codec

require("lhotse", "extract")
from lhotse.features.base import FeatureExtractor, register_extractor  # noqa: E402
from lhotse.utils import compute_num_frames_from_samples  # noqa: E402


@dataclass
class SecoustiTokensConfig:
    """Which codec, and where it runs."""

    model: str = DEFAULT_MODEL
    device: str = "cpu"

    def to_dict(self) -> dict[str, Any]:
        """As lhotse stores it."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> SecoustiTokensConfig:
        """What ``to_dict`` gave."""
        return SecoustiTokensConfig(**data)


@register_extractor
class SecoustiTokens(FeatureExtractor):
    """Token ids of recordings, those of ``Codec.encode``.

    lhotse's features have a whole number of samples a frame: cuts of another rate than the codec's
    are resampled first (``cuts.resample``). It rounds the number of frames, so a last token of
    which less than half is sound is left out.
    """

    name = "secousti-tokens"
    config_type = SecoustiTokensConfig

    @cached_property
    def codec(self) -> Codec:
        """Loaded when it is first needed, so that the extractor travels to workers by name."""
        return load_codec(self.config.model, device=self.config.device, parts="encoder")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "codec"}

    @property
    def frame_shift(self) -> float:
        """Seconds of a token."""
        return self.codec.frame_size / self.codec.sample_rate

    @property
    def device(self) -> str | torch.device:
        """Where the codec runs."""
        return str(self.config.device)

    def feature_dim(self, sampling_rate: int) -> int:
        """K, codebooks."""
        return self.codec.num_codebooks

    def extract(self, samples: np.ndarray | Tensor, sampling_rate: int) -> np.ndarray:
        """Mono audio [N] or [1, N] -> ids int32 [L, K].

        Raises:
            SecoustiError: a rate at which a token is no whole number of samples, which lhotse
                cannot store; or audio that is none.
        """
        if self.codec.frame_size * sampling_rate % self.codec.sample_rate:
            rate = self.codec.sample_rate
            raise SecoustiError(
                f"lhotse stores features of whole samples a frame, and a token is none at "
                f"{sampling_rate} Hz: resample the cuts first, cuts.resample({rate})"
            )
        return self.extract_batch([samples], sampling_rate)[0]

    def extract_batch(
        self,
        samples: Any,
        sampling_rate: int,
        lengths: np.ndarray | Tensor | None = None,
    ) -> Any:
        """Several recordings (a list, or an array [B, N] with ``lengths``) -> ids of each.

        Each has the ids that it has alone. Padded rows [B, N] of one length come as [B, L, K].
        """
        if isinstance(samples, list):
            rows = [torch.as_tensor(row).reshape(-1) for row in samples]
            found = self.codec.encode([(row, sampling_rate) for row in rows], voice=False)
            return self._ids(found, [len(row) for row in rows], sampling_rate)
        batch = torch.as_tensor(samples)
        batch = batch[None] if batch.dim() == 1 else batch
        counts = [batch.shape[-1]] * len(batch) if lengths is None else [int(n) for n in lengths]
        found = self.codec.encode(batch, sampling_rate, counts, voice=False)
        ids = self._ids(found, counts, sampling_rate)
        return np.stack(ids) if len({len(row) for row in ids}) == 1 else ids

    def _ids(self, found: Encoded, counts: list[int], rate: int) -> list[np.ndarray]:
        """Of each row int32 [L, K], as many as lhotse's rounding allows for so many samples."""
        rows = []
        for i, count in enumerate(counts):
            most = max(1, compute_num_frames_from_samples(count, self.frame_shift, rate))
            rows.append(found[i].codes[0].T[:most].cpu().numpy().astype(np.int32))
        return rows
