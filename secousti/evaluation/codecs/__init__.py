"""Every codec by name; its packages and weights are loaded when it first codes."""

from __future__ import annotations

from typing import Any, NamedTuple

from secousti.evaluation.codecs.base import Bits, Codec, CodecInfo, Coded, TokenCodec
from secousti.evaluation.registry import check_options, load_class

__all__ = [
    "CODECS",
    "Bits",
    "Codec",
    "CodecInfo",
    "Coded",
    "Entry",
    "TokenCodec",
    "codec_class",
    "make_codec",
]


class Entry(NamedTuple):
    """Where a codec's class is, and settings its name stands for."""

    target: str
    options: dict[str, Any] = {}  # noqa: RUF012


CODECS: dict[str, Entry] = {
    "reference": Entry("ours:Reference"),
    "secousti": Entry("ours:Secousti"),
    "vocoder-copy": Entry("ours:VocoderCopy"),
    "griffin-lim": Entry("ours:GriffinLim"),
    "codec2-700c": Entry("classic:Codec2", {"mode": "700C"}),
    "codec2-1200": Entry("classic:Codec2", {"mode": "1200"}),
    "codec2-3200": Entry("classic:Codec2", {"mode": "3200"}),
    "opus": Entry("classic:Opus"),
    "speex": Entry("classic:Speex"),
    "encodec": Entry("hugging_face:Encodec"),
    "dac": Entry("hugging_face:Dac"),
    "mimi": Entry("hugging_face:Mimi"),
    "xcodec2": Entry("hugging_face:XCodec2"),
    "snac": Entry("packages:Snac"),
    "speechtokenizer": Entry("packages:SpeechTokenizer"),
    "semanticodec": Entry("packages:SemantiCodec"),
    "taae": Entry("packages:StableCodec"),
    "sqcodec": Entry("packages:SqCodec"),
    "facodec": Entry("checkouts:FaCodec"),
    "wavtokenizer": Entry("checkouts:WavTokenizer"),
    "wavtokenizer-75hz": Entry("checkouts:WavTokenizer75"),
    "bigcodec": Entry("checkouts:BigCodec"),
    "mdctcodec": Entry("checkouts:MdctCodec"),
}


def codec_class(name: str) -> type[Codec]:
    """The class behind a name of ``CODECS``."""
    return load_class(__name__, CODECS[name].target)


def make_codec(name: str, device: str = "cpu", label: str = "", **options: Any) -> Codec:
    """Build a codec by name. A name that is not in ``CODECS`` is one of our models, and takes the
    options of ``secousti``.

    Args:
        label: what the report calls it; ``name`` if not given.
        options: its settings, such as ``model="/weights"``.

    Raises:
        SecoustiError: an unknown option.
    """
    if name not in CODECS:
        return make_codec("secousti", device, label or name, **{"model": name, **options})
    kind = codec_class(name)
    check_options(f"the codec '{name}'", kind, options, {"name", "device"})
    return kind(**{**CODECS[name].options, **options}, name=label or name, device=device)
