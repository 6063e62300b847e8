"""Vocoders: log-mel frames in, audio out, whole or as a stream."""

from secousti.config import CausalIstftConfig, HifiganConfig, HiftConfig, VocoderConfig
from secousti.vocoder.files import build_vocoder, load_vocoder, save_vocoder, vocoder_config

__all__ = [
    "CausalIstftConfig",
    "HifiganConfig",
    "HiftConfig",
    "VocoderConfig",
    "build_vocoder",
    "load_vocoder",
    "save_vocoder",
    "vocoder_config",
]
