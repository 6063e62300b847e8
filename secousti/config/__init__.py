"""Hyperparameters as frozen dataclasses, read from and written to YAML or JSON."""

from secousti.config.codec import (
    CodecConfig,
    DepthConfig,
    MelConfig,
    ParalinguisticConfig,
    PitchConfig,
    QuantizerConfig,
    RefinerConfig,
    SEANetConfig,
    TokenAttentionConfig,
    TransformerConfig,
    load_codec_config,
)
from secousti.config.reading import few, from_dict, merge, read_yaml, to_dict, within
from secousti.config.vocoder import CausalIstftConfig, HifiganConfig, HiftConfig, VocoderConfig

__all__ = [
    "CausalIstftConfig",
    "CodecConfig",
    "DepthConfig",
    "HifiganConfig",
    "HiftConfig",
    "MelConfig",
    "ParalinguisticConfig",
    "PitchConfig",
    "QuantizerConfig",
    "RefinerConfig",
    "SEANetConfig",
    "TokenAttentionConfig",
    "TransformerConfig",
    "VocoderConfig",
    "few",
    "from_dict",
    "load_codec_config",
    "merge",
    "read_yaml",
    "to_dict",
    "within",
]
