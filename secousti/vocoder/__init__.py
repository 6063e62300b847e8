"""Vocoders: log-mel frames in, audio out, whole or as a stream."""

from secousti.vocoder.build import build_vocoder
from secousti.vocoder.config import CausalIstftConfig, HifiganConfig, HiftConfig, VocoderConfig

__all__ = ["CausalIstftConfig", "HifiganConfig", "HiftConfig", "VocoderConfig", "build_vocoder"]
