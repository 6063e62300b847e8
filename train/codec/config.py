"""The training part of a configuration file.

A file has two keys: ``codec`` (the package's ``CodecConfig``) and ``training`` (below). It may
name a ``base`` file and change a few lines of it; that is all an ablation is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from secousti.config import CodecConfig, within
from secousti.errors import SecoustiError
from secousti.semantic.phoneme_encoder import PhonemeEncoderConfig
from secousti.vocoder.discriminators import DiscriminatorConfig
from train.codec.phoneme_head import PhonemeHeadConfig
from train.codec.pitch import PitchHeadConfig
from train.codec.prosody_digit import ProsodyDigitConfig
from train.codec.schedule import ScheduleConfig
from train.codec.speaker_adversary import SpeakerAdversaryConfig
from train.data.augment import AugmentConfig, check_range
from train.data.perturb import PerturbConfig
from train.engine.settings import MOST, BaseOptimConfig, BaseRunConfig, read_config


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut.

    Args:
        root: folder that the manifests' audio paths start from.
        train, valid: manifests (.jsonl), or the folder of shards that ``data_prep prepare`` wrote,
            which holds both splits, audio and alignments.
        alignments: manifests with timed ``phones`` (``python -m data_prep align``), where those of
            ``train`` and ``valid`` have none of their own or others; utterances without any train
            everything but the contrastive loss.
        cache: folder of the packed audio.
        crop_seconds: encoded speech per item. window_seconds: what the paralinguistic encoder
            is given (paper: 3 s), drawn apart from it.
        batch_size: items per process and micro-batch (paper: 64).
        pool: batches that are drawn together, sorted by length and dealt out in random order,
            so that a batch holds items of like length; 1 turns the bucketing off.
        gain_db: level augmentation, uniform in +- so many decibels.
        augment: speed, rooms and noise, off by default (``train/data/augment.py``).
        perturb: another voice for the speech encoder alone, off by default
            (``train/data/perturb.py``).
        label_delay: samples by which phonemes are moved later (a causal encoder is given a frame's
            sound after it starts).
    """

    root: str
    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    alignments: tuple[str, ...] = ()
    cache: str = "cache"
    crop_seconds: float = 3.0
    window_seconds: float = 3.0
    batch_size: int = 64
    workers: int = 2
    pool: int = 8
    gain_db: float = 6.0
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    perturb: PerturbConfig = field(default_factory=PerturbConfig)
    label_delay: int = 0

    def __post_init__(self) -> None:
        within("data", self, batch_size=(1, MOST), pool=(1, MOST), workers=(0, MOST))
        within("data", self, crop_seconds=(0.01, 3600), window_seconds=(0.01, 3600))


@dataclass(frozen=True)
class ObjectiveConfig:
    """What the paper leaves open about its losses.

    Args:
        text_loss: ``contrastive`` (the paper) or ``classification`` (phoneme classification of S,
            "Secousti-ASR-Loss" of Table IV).
        temperature, max_scale, tile, gather: see ``FrameContrastiveLoss``.
        margin: Delta of equation 3, in nats. reduction: of the KL over the latent dimensions.
        sample: draw S and G from their distributions in training; off, the means are used.
        phoneme_encoder: depth and inventory. discriminator: size of the discriminator of decoded
            mels, which ``schedule.adversarial`` needs.
        listener: folder of the listener (``python -m train.voice``) that ``schedule.conversion``
            needs.
        phoneme_head: what reads phonemes off the latents before quantization, which
            ``schedule.phonemes`` needs. speaker_adversary: size of the network that tells the
            speaker from S, which ``schedule.confusion`` needs. teacher: folder or name of the saved
            codec that ``schedule.teacher`` needs.
        pitch_head: what tells pitch from G, which ``schedule.pitch`` needs. pitch_listener: the
            vocoder (as ``run.vocoder``) whose pitch network ``schedule.conversion_pitch`` needs.
            prosody_digit: the digit of a token that ``schedule.prosody`` teaches.
        warp_share: of the items, whose encoder is given another voice than the decoder is asked
            for, all frequencies multiplied by a factor within ``warp`` (``train/codec/warp.py``).
    """

    text_loss: Literal["contrastive", "classification"] = "contrastive"
    temperature: float = 0.07
    max_scale: float = 100.0
    tile: int = 1024
    gather: bool = False
    margin: float = 0.5
    reduction: Literal["mean", "sum"] = "mean"
    sample: bool = True
    phoneme_encoder: PhonemeEncoderConfig = field(default_factory=PhonemeEncoderConfig)
    discriminator: DiscriminatorConfig | None = None
    listener: str | None = None
    phoneme_head: PhonemeHeadConfig | None = None
    speaker_adversary: SpeakerAdversaryConfig | None = None
    teacher: str | None = None
    pitch_head: PitchHeadConfig | None = None
    pitch_listener: str | None = None
    prosody_digit: ProsodyDigitConfig | None = None
    warp_share: float = 0.0
    warp: tuple[float, ...] = (0.8, 1.25)

    def __post_init__(self) -> None:
        check_range("objective.warp", self.warp, above=0)
        if not 0 <= self.warp_share <= 1:
            raise SecoustiError(f"objective.warp_share must lie in 0..1, found {self.warp_share:g}")


@dataclass(frozen=True)
class OptimConfig(BaseOptimConfig):
    """Adam at 2e-4 in the paper; each stage has a warm-up and a decay of its own.

    Args:
        name: ``muon`` is not the paper's; it needs a third of the steps here.
        accumulate: micro-batches per step.
        ema: the averaged weights are also handed to the next stage.
    """

    name: Literal["adam", "adamw", "muon"] = "adam"
    betas: tuple[float, ...] = (0.9, 0.999)
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    accumulate: int = 1
    clip: float = 1.0
    ema: float = 0.999


@dataclass(frozen=True)
class RunConfig(BaseRunConfig):
    """What a run logs, validates and survives.

    Args:
        vocoder: a bundled vocoder, or the folder of a saved one, or of a codec that has one. It
            turns validation mels to sound (PESQ, STOI and samples need one) and is packed with
            the trained codec; without a name validation is silent and the codec gets the bundled
            vocoder with the same mels, where there is one.
        valid_items: utterances that are validated on.
        probes: also read the speaker from S and its digits and, with a vocoder, the pitch of
            converted crops (``train/codec/probes.py``); needs the extra [eval], and a dozen crops
            of each of twelve speakers (``valid_items``) to mean much.
        compile: compile each transformer layer by ``torch.compile``. Batches are then padded to
            whole crops, so that there is one shape; what is saved is the same as without.
    """

    keep_last: int = 3
    best: str = "token_mel"
    trackers: tuple[str, ...] = ("tensorboard",)
    vocoder: str | None = None
    valid_items: int = 64
    probes: bool = False
    compile: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """Everything but the model.

    Args:
        warm_start: folder or name of a saved codec to start from, or None.
        freeze: modules that never train, by name (``encoder``, ``decoder.seanet``, ...).
        calibrate: start from mels scaled to zero mean and unit deviation, folded into the first
            and last convolution (not in the paper; it saves the first few hundred steps).
        initial_logvar: start value of the log-variances of S and G. At 0, as the paper may have
            it, unit noise drowns both at first; a short training starts nearer to their means.
    """

    data: DataConfig
    run: RunConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    warm_start: str | None = None
    freeze: tuple[str, ...] = ()
    calibrate: bool = False
    initial_logvar: float = 0.0

    def __post_init__(self) -> None:
        if self.schedule.adversarial.upper > 0 and self.objective.discriminator is None:
            raise SecoustiError(
                "schedule.adversarial has a weight, but there is no discriminator: set "
                "objective.discriminator to {} or to its size"
            )
        if self.schedule.conversion > 0 and self.objective.listener is None:
            raise SecoustiError(
                "schedule.conversion has a weight, but nobody listens: train a listener with "
                "python -m train.voice and name its folder in objective.listener"
            )
        for name, weight in (
            ("phoneme_head", self.schedule.phonemes),
            ("speaker_adversary", self.schedule.confusion.upper),
            ("teacher", self.schedule.teacher),
            ("pitch_head", self.schedule.pitch),
            ("prosody_digit", self.schedule.prosody),
            ("pitch_listener", self.schedule.conversion_pitch),
        ):
            if weight > 0 and getattr(self.objective, name) is None:
                raise SecoustiError(
                    f"the loss of objective.{name} has a weight in the schedule, but there is no "
                    f"such network: set objective.{name} ({{}} for its defaults; a folder for the "
                    "teacher, a vocoder's name for the pitch_listener)"
                )


@dataclass(frozen=True)
class Config:
    """A whole file."""

    training: TrainingConfig
    codec: CodecConfig = field(default_factory=CodecConfig)

    def __post_init__(self) -> None:
        if self.training.schedule.refined_mel > 0 and self.codec.refiner is None:
            raise SecoustiError(
                "schedule.refined_mel has a weight, but the codec has no refiner: set "
                "codec.refiner to {} or to its size"
            )


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a file and its bases, then apply ``dotted.key=value`` overrides.

    The codec comes without its vocoder, which is trained apart (``python -m train.vocoder``).

    Raises:
        SecoustiError: a missing file, an unknown key or a value of the wrong type.
    """
    config = read_config(Config, path, overrides)
    return replace(config, codec=replace(config.codec, vocoder=None))
