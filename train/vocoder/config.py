"""A vocoder training file: keys ``vocoder`` and ``mel`` (the package's) and ``training``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from secousti.config import MelConfig, VocoderConfig, within
from secousti.vocoder.discriminators import DiscriminatorConfig
from train.data.augment import check_range
from train.engine.settings import MOST, BaseOptimConfig, BaseRunConfig, read_config
from train.vocoder.losses import AdversarialKind


@dataclass(frozen=True)
class DataConfig:
    """``train`` and ``valid``: manifests or a folder of shards; ``root``: the manifests' audio.

    ``frames``: mel frames spoken in a crop. ``gain_db``: crops are made louder or quieter by up
    to so much. ``speed``: range of the factor by which they are played faster, tempo and pitch
    together ([1, 1]: as they are). ``codec``: a saved codec whose decoded mels are the vocoder's
    input instead of real ones (the second phase). ``warm``: mel frames of the past that precede a
    crop, for the spectrum's window and the codec's memory. ``valid_utterances`` are scored, of
    speakers that never train if ``unseen_speakers``, else of whoever speaks there.
    """

    root: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    cache: str = "cache"
    frames: int = 64
    warm: int = 8
    batch_size: int = 8
    gain_db: float = 10.0
    speed: tuple[float, ...] = (1.0, 1.0)
    codec: str | None = None
    valid_utterances: int = 16
    unseen_speakers: bool = True
    workers: int = 0

    def __post_init__(self) -> None:
        check_range("data.speed", self.speed, above=0)
        within("data", self, batch_size=(1, MOST), frames=(1, MOST), warm=(0, MOST))
        within("data", self, workers=(0, MOST), valid_utterances=(0, MOST))


@dataclass(frozen=True)
class LossConfig:
    """Weights, and when the discriminators start (a share of all steps; 1: never).

    ``loudness``, ``intelligibility``: of the perceptual losses (``train/codec/perceptual.py``).
    ``adversarial_frames``: they see a random stretch of so many frames of each crop.
    ``n_ffts``: resolutions of the spectral loss.
    """

    mel: float = 15.0
    spectral: float = 5.0
    loudness: float = 0.0
    intelligibility: float = 0.0
    pitch: float = 1.0
    adversarial: float = 1.0
    features: float = 2.0
    kind: AdversarialKind = "hinge"
    adversarial_from: float = 0.6
    adversarial_frames: int = 32
    n_ffts: tuple[int, ...] = (2048, 1024, 512, 256, 128)
    discriminators: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)


@dataclass(frozen=True, kw_only=True)
class OptimConfig(BaseOptimConfig):
    """Warm-up and a cosine to ``final_lr`` x ``lr``, for both sides.

    ``name``: of the vocoder's optimizer. Discriminators take AdamW at ``discriminator_lr``.
    """

    steps: int
    lr: float = 1e-3
    discriminator_lr: float = 5e-4
    final_lr: float = 0.02
    warmup_steps: int = 100
    clip: float = 10.0
    ema: float = 0.999


@dataclass(frozen=True)
class RunConfig(BaseRunConfig):
    """``init``: what to start from: a saved vocoder's folder, or a saved codec (folder or name)."""

    log_every: int = 20
    validate_every: int = 1000
    save_every: int = 500
    best: str = "pesq"
    init: str | None = None


@dataclass(frozen=True)
class TrainingConfig:
    """Everything but the model."""

    data: DataConfig
    run: RunConfig
    optim: OptimConfig
    loss: LossConfig = field(default_factory=LossConfig)


@dataclass(frozen=True)
class Config:
    """A whole file."""

    training: TrainingConfig
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    mel: MelConfig = field(default_factory=MelConfig)


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """See ``read_config``."""
    return read_config(Config, path, overrides)
