"""What a client must know of a codec to stream with it, told by server and static page alike."""

from __future__ import annotations

from typing import Any

from secousti.base import Codec, Mode
from secousti.container.bits import group_shape
from secousti.encoded import PARALINGUISTIC_BITS


def describe(codec: Codec, mode: Mode) -> dict[str, Any]:
    """Plain data, as docs/serving.md lists it under Models.

    Args:
        mode: one in which ``codec`` decodes live.
    """
    latency = codec.latency(mode)
    assert latency is not None
    group_tokens, group_bytes = group_shape(codec.codebook_size)
    return {
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "frame_rate": codec.frame_rate,
        "codebook_size": codec.codebook_size,
        "levels": list(codec.levels),
        "bits_per_token": codec.bits_per_frame,
        "bit_rate": codec.bitrate,
        "voice_size": codec.voice_size,
        "voice_bits": PARALINGUISTIC_BITS * codec.voice_size,
        "group_tokens": group_tokens,
        "group_bytes": group_bytes,
        "algorithmic_latency_ms": 1e3 * latency / codec.sample_rate,
    }
