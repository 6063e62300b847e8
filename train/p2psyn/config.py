"""A training file of P2PSynCodec; its keys are ``codec data teacher pseudo receiver run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from secousti.config import within
from secousti.errors import SecoustiError
from secousti.p2psyn.config import P2PSynConfig
from train.engine.settings import MOST, BaseOptimConfig, BaseRunConfig, read_config


@dataclass(frozen=True)
class DataConfig:
    """What is read.

    ``train``, ``valid``: manifests, or a folder of shards. ``root``: folder that the manifests'
    audio paths start from. ``cache``: of packed audio.
    ``level_db``: each crop is brought to an RMS drawn from this range of dB below full scale;
    ``None`` leaves levels as they are (the paper names no augmentation).
    """

    root: str
    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    cache: str = "cache"
    level_db: tuple[float, ...] | None = None
    workers: int = 2


@dataclass(frozen=True)
class OptimConfig(BaseOptimConfig):
    """The paper's AdamW with an exponential decay, or ``muon``, which needs far fewer steps."""

    steps: int = 200_000
    schedule: Literal["constant", "cosine", "exponential"] = "exponential"


@dataclass(frozen=True)
class TeacherConfig:
    """Stage 1: losses and sizes of MDCTCodec as far as they are known.

    ``segment``: samples of a crop; plus one MDCT hop it is a whole number of tokens.
    ``mel_*``: the log-mel of the loss; bands below ``mel_floor`` count as equally quiet.
    ``discriminator_sizes``: MDCT coefficients of each branch. ``adversarial_from``: the step at
    which discriminators start, ``None`` for never. ``discriminator_lr``: where their learning rate
    starts, on the codec's schedule; ``None``: the codec's own. ``discriminator_exponent``:
    coefficients are raised to this power, their sign kept, before a discriminator sees them (1: as
    they are). ``feature_relative``: differences of features count relative to the size of the
    recorded ones. ``loudness_weight``, ``intelligibility_weight``: of the losses after PESQ and
    STOI (``train/codec/perceptual.py``) on the same log-mels. ``mel_floor`` and
    what is named after ``adversarial_from`` are not in the paper.
    ``revive_every``: codebook entries unused for so many steps are set to latents of the batch
    (0: never, as in the paper's family); at step ``codebook_init`` all of them are (-1: never).
    """

    batch_size: int = 48
    segment: int = 7960
    mdct_weight: float = 250.0
    mel_weight: float = 45.0
    adversarial_weight: float = 0.1
    feature_weight: float = 0.1
    codebook_weight: float = 10.0
    commit_weight: float = 2.5
    loudness_weight: float = 0.0
    intelligibility_weight: float = 0.0
    mel_fft: int = 1024
    mel_hop: int = 40
    mel_window: int = 320
    mel_bands: int = 80
    mel_floor: float = 1e-5
    discriminator_sizes: tuple[int, ...] = (50, 200, 20)
    discriminator_channels: int = 64
    discriminator_lr: float | None = None
    discriminator_exponent: float = 1.0
    feature_relative: bool = False
    adversarial_from: int | None = 0
    revive_every: int = 0
    codebook_init: int = -1
    optim: OptimConfig = field(default_factory=OptimConfig)

    def __post_init__(self) -> None:
        within("teacher", self, batch_size=(1, MOST), segment=(1, MOST))


@dataclass(frozen=True)
class PseudoTrainConfig:
    """Stage 2: cross-entropy on the teacher's tokens (the paper gives no optimiser or length).

    ``free_running``: share of sequences whose earlier stages are the model's own predictions
    instead of the teacher's tokens. ``distill_from``: a saved P2PSynCodec with the same tokens
    (say, the non-causal one) whose logits are a second target with weight ``distill_weight``.
    """

    batch_size: int = 32
    tokens: int = 200
    label_smoothing: float = 0.0
    free_running: float = 0.0
    distill_from: str | None = None
    distill_weight: float = 1.0
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            lr=1e-3, betas=(0.9, 0.999), schedule="cosine", warmup_steps=5000, clip=1.0
        )
    )

    def __post_init__(self) -> None:
        within("pseudo", self, batch_size=(1, MOST), tokens=(1, MOST))


@dataclass(frozen=True)
class ReceiverConfig:
    """Stage 3, which the paper does not have: decoder and pseudo VQs on what arrives.

    Weights and sizes of the losses are those of ``teacher``. ``tokens``: of a crop. ``mode``: how
    it is decoded. ``plain_share``: of crops that are decoded from the plain token alone, drawn at
    random. ``adversarial_from``: the step at which discriminators start, ``None`` for never;
    ``adversarial_ramp``: steps from there in which their weight rises to what it is.
    """

    batch_size: int = 16
    tokens: int = 100
    mode: str = "all"
    plain_share: float = 0.0
    adversarial_from: int | None = None
    adversarial_ramp: int = 0
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(schedule="cosine", clip=1.0))

    def __post_init__(self) -> None:
        within("receiver", self, batch_size=(1, MOST), tokens=(1, MOST))


@dataclass(frozen=True)
class RunConfig(BaseRunConfig):
    """``valid_items``: utterances that are validated on."""

    valid_items: int = 64


@dataclass(frozen=True)
class Config:
    """A whole file."""

    data: DataConfig
    run: RunConfig
    codec: P2PSynConfig = field(default_factory=P2PSynConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    pseudo: PseudoTrainConfig = field(default_factory=PseudoTrainConfig)
    receiver: ReceiverConfig = field(default_factory=ReceiverConfig)


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a file and its bases, then apply ``dotted.key=value`` overrides.

    Raises:
        SecoustiError: a missing file, an unknown key, a value of the wrong type, or a segment
            that is no whole number of tokens.
    """
    config = read_config(Config, path, overrides)
    hop, frame = config.codec.backbone.coefficients, config.codec.frame_size
    if (config.teacher.segment + hop) % frame:
        raise SecoustiError(
            f"{path}: teacher.segment {config.teacher.segment} + {hop} is not a multiple of {frame}"
        )
    return config
