"""What a run is told, and the part of it that the output depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from secousti.errors import SecoustiError
from secousti.extraction.stamp import Fingerprint

if TYPE_CHECKING:
    from secousti.base import Codec

LAYOUT = 2  # of shards and journal: a number that changes when their content does
Format = Literal["parquet", "webdataset", "shar"]


@dataclass(frozen=True)
class Settings:
    """How to extract.

    ``shard_size``: utterances a shard, where the input does not cut itself; 0: by their number.
    ``batch_seconds``: audio in a batch; ``window_seconds``: audio read ahead to sort by length.
    ``voice``: also store the paralinguistic vector. ``loaders``: threads that decode ahead in
    each process (0: the process decodes itself). ``strict``: the first bad recording is an error.
    ``fingerprint``: how a run that goes on finds that recordings were replaced (``stamp``).
    """

    model: str
    revision: str | None = None
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    format: Format = "parquet"
    shard_size: int = 0
    batch_seconds: float = 20.0  # activations of more leave a core's caches
    window_seconds: float = 600.0
    voice: bool = True
    loaders: int = 0
    strict: bool = False
    fingerprint: Fingerprint = "stat"

    def load_codec(self, device: str | None = None) -> Codec:
        """The model's encoder, on ``device`` (``self.device`` if not given) and in ``dtype``."""
        from secousti.hub.resolve import load_codec

        codec = load_codec(
            self.model, device=device or self.device, revision=self.revision, parts="encoder"
        )
        return codec.to(torch.bfloat16) if self.dtype == "bfloat16" else codec


@dataclass(frozen=True)
class CodecFacts:
    """What rows and the index say about the codec."""

    model_id: str
    weight_hash: str
    token_hash: str
    voice_hash: str
    sample_rate: int
    frame_size: int
    frame_rate: float
    num_codebooks: int
    codebook_size: int
    levels: tuple[int, ...] = ()

    @classmethod
    def of(cls, codec: Codec) -> CodecFacts:
        """Raises SecoustiError for a codebook whose ids need more than 16 bits."""
        if codec.codebook_size > 1 << 16:
            raise SecoustiError(f"a codebook of {codec.codebook_size} entries needs over 16 bits")
        return cls(
            codec.model_id,
            codec.weight_hash,
            codec.token_hash,
            codec.voice_hash,
            codec.sample_rate,
            codec.frame_size,
            codec.frame_rate,
            codec.num_codebooks,
            codec.codebook_size,
            codec.levels,
        )


def identity(settings: Settings, facts: CodecFacts, fingerprint: str) -> dict[str, Any]:
    """What must not change between the runs that fill one output: of the codec, its tokens and
    voices, not what it decodes them with."""
    chosen = asdict(settings)
    for name in ("model", "revision", "loaders", "strict"):
        del chosen[name]
    chosen["device"] = torch.device(settings.device).type
    told = asdict(facts)
    del told["model_id"], told["weight_hash"], told["levels"]
    if not settings.voice:
        del told["voice_hash"]
    return {"layout": LAYOUT, **chosen, **told, "input": fingerprint}
