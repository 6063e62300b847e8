"""Entry points of torch.hub: the bundled codecs, without installing the package.

codec = torch.hub.load("OWNER/REPOSITORY", "mini_21hz")         # or a clone:
codec = torch.hub.load(".", "mini_21hz", source="local")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secousti.base import Codec

dependencies = ["torch", "numpy", "einops", "soundfile", "soxr", "safetensors", "huggingface_hub"]
dependencies += ["filelock", "yaml", "constriction"]


def mini_21hz(**options: Any) -> Codec:
    """SecoustiCodec, 22.05 kHz, 21.5 tokens/s and a voice. ``options``: ``device``, ``parts``."""
    return _load("mini-21hz", **options)


def mini_86hz(**options: Any) -> Codec:
    """SecoustiCodec, 22.05 kHz, 86 tokens/s, a voice apart. ``options``: ``device``, ``parts``."""
    return _load("mini-86hz", **options)


def p2psyn_mini_16k(**options: Any) -> Codec:
    """P2PSynCodec, 16 kHz, 50 tokens/s. ``options``: ``device``, ``parts``."""
    return _load("p2psyn-mini-16k", **options)


def _load(name: str, **options: Any) -> Codec:
    from secousti.hub.resolve import load_codec

    return load_codec(name, **options)
