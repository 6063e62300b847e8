"""From a configuration to a vocoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secousti.vocoder.config import VocoderConfig

if TYPE_CHECKING:
    from secousti.config import MelConfig
    from secousti.vocoder.base import Vocoder


def build_vocoder(config: VocoderConfig, mel: MelConfig) -> Vocoder:
    """The vocoder ``config.kind`` for the mel frames of ``mel``, freshly initialised.

    Raises:
        SecoustiError: the sizes do not fit each other or the mel frames.
    """
    # Imported here: secousti.config needs the dataclasses of this package first.
    if config.kind == "causal_istft":
        from secousti.vocoder.causal_istft import CausalIstftVocoder

        return CausalIstftVocoder(config.causal_istft, mel)
    if config.kind == "hifigan":
        from secousti.vocoder.hifigan import HifiganVocoder

        return HifiganVocoder(config.hifigan, mel)
    from secousti.vocoder.hift import HiftVocoder

    return HiftVocoder(config.hift, mel)
