"""What a session leaves behind: a ``.sct`` file and a WAV, kept for a while."""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.base import Codec
from secousti.container import Accounting, Writer
from secousti.container.encoded import codec_header
from secousti.files.wav import wav_header


class Recorder:
    """Gathers the tokens and the sound of a session."""

    def __init__(self, codec: Codec, source_rate: int | None, output_rate: int | None) -> None:
        self._file = io.BytesIO()
        # Voices as the packets had them: in the codec's own code the file would sound otherwise.
        header = codec_header(codec, source_sample_rate=source_rate, voice_form=0)
        self._writer = Writer(self._file, header, coder=codec.coder)
        self._output_rate = output_rate
        self._pcm = bytearray()

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._file.tell() + len(self._pcm)

    def voice(self, codes: NDArray[np.int8]) -> None:
        """A voice int8 [64] for the tokens from here on."""
        self._writer.write_voice(codes)

    def tokens(self, codes: NDArray[np.int64]) -> None:
        """Tokens int64 [L] that follow."""
        self._writer.write(codes)

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Samples float32 [N] at the output rate."""
        self._pcm += np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    def finish(self, num_samples: int, source_samples: int) -> Result:
        """Both files; ``num_samples`` at the codec's rate."""
        self._writer.finish(num_samples, source_samples)
        wav = None
        if self._output_rate is not None:
            wav = wav_header(self._output_rate, len(self._pcm) // 2) + bytes(self._pcm)
        return Result(self._file.getvalue(), wav, self._writer.bits)


@dataclass(frozen=True)
class Result:
    """A ``.sct`` file, where its bits went, and a WAV where there was sound."""

    sct: bytes
    wav: bytes | None
    bits: Accounting = field(default_factory=Accounting)

    @property
    def size(self) -> int:
        """Bytes of both."""
        return len(self.sct) + len(self.wav or b"")


def _parts(bits: Accounting) -> dict[str, int]:
    return {
        "tokens": bits.tokens,
        "voice": bits.side_information,
        "container": bits.container,
    }


class Results:
    """Results by unguessable names, for ``expires`` seconds and ``limit`` bytes in all."""

    def __init__(
        self, expires: float, limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._expires = expires
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Result]] = OrderedDict()

    def keep(self, result: Result) -> dict[str, Any]:
        """Keep a result, dropping the oldest if need be: the field ``result`` of ``done``."""
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[name] = (self._clock() + self._expires, result)
            self._tidy()
        told: dict[str, Any] = {"id": name, "sct": f"/v1/results/{name}.sct"}
        told |= {"sct_bytes": len(result.sct), "bits": _parts(result.bits)}
        if result.wav is not None:
            told |= {"wav": f"/v1/results/{name}.wav", "wav_bytes": len(result.wav)}
        return {**told, "expires_seconds": self._expires}

    def get(self, name: str) -> Result | None:
        """The result, if it is still here."""
        with self._lock:
            self._tidy()
            kept = self._kept.get(name)
        return None if kept is None else kept[1]

    @property
    def size(self) -> int:
        """Bytes kept."""
        with self._lock:
            self._tidy()
            return self._size()

    def _size(self) -> int:
        return sum(result.size for _, result in self._kept.values())

    def _tidy(self) -> None:
        now = self._clock()
        while self._kept and (
            next(iter(self._kept.values()))[0] < now or self._size() > self._limit
        ):
            self._kept.popitem(last=False)
