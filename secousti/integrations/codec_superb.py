"""A codec for Codec-SUPERB's runner: ``config``, ``extract_unit``, ``decode_unit`` and batches.

Where its package ``SoundCodec`` is importable, the class derives from its ``BaseCodec`` and gives
its own result types; elsewhere from a base of the same interface, so that scripts written for the
one run with the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.encoded import Encoded
from secousti.hub.resolve import DEFAULT_MODEL, load_codec

try:
    from SoundCodec.base_codec.general import BaseCodec, BatchExtractedUnit, ExtractedUnit
except ImportError:

    @dataclass
    class ExtractedUnit:  # type: ignore[no-redef]
        """``unit`` int64 [K, T], and what ``decode_unit`` takes."""

        unit: Tensor
        stuff_for_synth: Any

    @dataclass
    class BatchExtractedUnit:  # type: ignore[no-redef]
        """The same of ``batch_size`` recordings, as lists."""

        units: list[Tensor]
        stuff_for_synth: list[Any]
        batch_size: int

    class BaseCodec:  # type: ignore[no-redef]
        """What ``SoundCodec``'s class of this name does before ``config`` is called."""

        def __init__(self) -> None:
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
            self.sampling_rate: int | None = None
            self.setting: str | None = None
            self.supports_decode = True
            self.config()

        def config(self) -> None:
            """Load the model."""
            raise NotImplementedError


class SecoustiBaseCodec(BaseCodec):
    """Any codec of this package as Codec-SUPERB runs it.

    Who speaks travels in ``stuff_for_synth``, beside the tokens: for codecs that keep a voice
    apart, its bits are to be added to those of ``unit``.

    Args:
        model: a bundled model, a folder, or ``org/name`` on the Hub.
        device: where it runs; Codec-SUPERB's own choice if not given.

    Attributes:
        sampling_rate: Hz of what ``decode_unit`` gives; ``extract_unit`` takes any rate.
        setting: the name of the model.
    """

    def __init__(self, model: str = DEFAULT_MODEL, device: str | None = None) -> None:
        self.model, self._device = model, device
        super().__init__()

    def config(self) -> None:
        """Load the model; called by the base class."""
        if self._device is not None:
            self.device = self._device
        self.codec = load_codec(self.model, device=self.device)
        self.sampling_rate = self.codec.sample_rate
        self.setting = self.codec.model_id

    def extract_unit(self, data: Mapping[str, Any]) -> ExtractedUnit:
        """``data["audio"]``, a dict of ``array`` [N] and ``sampling_rate``, or a path -> its unit.

        Raises:
            SecoustiError: audio that ``Codec.encode`` refuses.
        """
        batch = self.batch_extract_unit([data])
        return ExtractedUnit(batch.units[0], batch.stuff_for_synth[0])

    def decode_unit(self, stuff_for_synth: Encoded) -> np.ndarray:
        """``stuff_for_synth`` of one recording -> audio float32 [N] at ``sampling_rate``."""
        audio = self.codec.decode(stuff_for_synth.to(self.codec.device))
        return audio[0, 0].cpu().numpy()

    def batch_extract_unit(self, data_list: Sequence[Mapping[str, Any]]) -> BatchExtractedUnit:
        """Units of several recordings, of any lengths and rates: those that each gives alone."""
        found = self.codec.encode([data["audio"] for data in data_list]).to("cpu")
        rows = [found[i] for i in range(len(found))]
        return BatchExtractedUnit([row.codes[0] for row in rows], rows, len(rows))

    def batch_decode_unit(self, batch_extracted_unit: BatchExtractedUnit) -> list[np.ndarray]:
        """Audio [N_i] of every recording of a batch."""
        return [self.decode_unit(stuff) for stuff in batch_extracted_unit.stuff_for_synth]
