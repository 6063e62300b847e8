"""Algorithm 1 (section III-E): given a step, which modules train and what each loss weighs.

Line by line: up to ``stage1_end`` (lines 3-4) the speech encoder, the acoustic projection and the
decoder train on the mel loss alone. Afterwards (lines 5-13) they are frozen and the rest trains
on ``alpha * acoustic + beta * contrastive``, joined by the two KL terms once their start has
passed, with a weight that rises linearly to its upper value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from secousti.errors import SecoustiError
from train.engine.task import Stretch

ACOUSTIC = ("encoder", "acoustic_projection", "decoder")
SEMANTIC = ("semantic_projection", "quantizer", "paralinguistic", "connector", "text")
DISCRIMINATOR = "discriminator"
PHONEME_HEAD = "phoneme_head"
SPEAKER_ADVERSARY = "speaker_adversary"
TEACHER_HEAD = "teacher_head"
PITCH_HEAD = "pitch_head"
REFINER = "refiner"

SYNTHESIS = ("decoder", "connector", "paralinguistic")  # what no token depends on

StageName = Literal["acoustic", "semantic", "joint", "decoder", "synthesis"]
Strategy = Literal["stages", "joint", "decoder", "synthesis"]


@dataclass(frozen=True)
class KLWarmup:
    """Weight of one KL term: 0 up to ``start``, linear up to ``end``, then ``upper``."""

    start: int = 20_000
    end: int = 30_000
    upper: float = 1e-5

    def weight(self, step: int) -> float:
        if step <= self.start:
            return 0.0
        if step > self.end:
            return self.upper
        return self.upper * (step - self.start) / (self.end - self.start)


@dataclass(frozen=True)
class ScheduleConfig:
    """The numbers of section IV-A; ``total_steps`` and all below ``kl_para`` are not in the paper.

    Args:
        strategy: ``stages`` is Algorithm 1; ``joint`` trains every module on every loss from the
            first step ("w/o Stage", Table II); ``decoder`` trains the decoder alone on mels
            decoded from tokens (the single-speaker decoder of Table III); ``synthesis`` the same
            with the connector and the paralinguistic encoder: all but what makes tokens.
        stage1_end: the last step of stage 1.
        total_steps: the last step of training (the paper does not say).
        alpha: weight of the acoustic MSE. beta: weight of the contrastive loss.
        acoustic_mel: weight of the mel MSE of A's path where every module trains.
        token_mel: weight in stage 2 of the mel MSE of the speech decoded from tokens through the
            frozen decoder: 0 in the paper; worth its price when training is short.
        loudness, intelligibility: weights of the same speech's perceptual losses
            (``train/codec/perceptual.py``); 0 in the paper.
        adversarial: weight of what a discriminator says of the same speech's mel
            (``train/codec/mel_discriminator.py``), rising like a KL term; features: of the match
            of its features from the start of that rise on. Only where every module trains, and in
            ``decoder`` and ``synthesis``.
        refined_mel: weight of the mel MSE of the codec's refiner (``codec.refiner``), which is then
            given that speech's mel and learns from the discriminator in the codec's place; where
            the discriminator does.
        conversion: weight of the distance between the voice of converted speech and the one asked
            for (``train/codec/conversion.py``); conversion_pitch: of the distance of its pitch from
            the words' contour at the height of the voice asked for (``train/codec/pitch.py``);
            conversion_words: with either, of its envelopes' distance from the words' recording.
        pitch: weight of telling the pitch of the paralinguistic window from G
            (``train/codec/pitch.py``).
        phonemes: weight of reading phonemes off the latents before quantization
            (``train/codec/phoneme_head.py``); confusion: of hiding the speaker in S
            (``train/codec/speaker_adversary.py``), rising like a KL term, while the network that
            tells the speaker learns from the first step on; teacher: of telling a teacher's latents
            (``train/codec/teacher.py``); prosody: of telling the melody with one digit
            (``train/codec/prosody_digit.py``). All of them wherever tokens train.
        commitment: weight of the quantizer's own loss (VQ-VAE and SimVQ; FSQ has none).
    """

    strategy: Strategy = "stages"
    stage1_end: int = 10_000
    total_steps: int = 400_000
    alpha: float = 1.0
    beta: float = 1e-5
    kl_semantic: KLWarmup = field(default_factory=KLWarmup)
    kl_para: KLWarmup = field(default_factory=KLWarmup)
    acoustic_mel: float = 1.0
    token_mel: float = 0.0
    loudness: float = 0.0
    intelligibility: float = 0.0
    adversarial: KLWarmup = field(default_factory=lambda: KLWarmup(upper=0.0))
    features: float = 2.0
    refined_mel: float = 0.0
    conversion: float = 0.0
    conversion_pitch: float = 0.0
    conversion_words: float = 0.0
    pitch: float = 0.0
    phonemes: float = 0.0
    confusion: KLWarmup = field(default_factory=lambda: KLWarmup(upper=0.0))
    teacher: float = 0.0
    prosody: float = 0.0
    commitment: float = 1.0

    @property
    def converts(self) -> bool:
        """Whether a part of each batch is spoken in other voices."""
        return self.conversion > 0 or self.conversion_pitch > 0

    def __post_init__(self) -> None:
        if self.strategy == "stages" and not 0 <= self.stage1_end <= self.total_steps:
            raise SecoustiError(
                f"schedule.stage1_end is {self.stage1_end}, which is not between 0 and "
                f"schedule.total_steps ({self.total_steps})"
            )
        for name, kl in (("kl_semantic", self.kl_semantic), ("kl_para", self.kl_para)):
            if kl.end < kl.start:
                raise SecoustiError(
                    f"schedule.{name} ends ({kl.end}) before it starts ({kl.start})"
                )


@dataclass(frozen=True)
class Stage(Stretch):
    """Steps during which the modules called ``trains`` do."""

    name: StageName
    trains: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StepPlan:
    """What happens in one step: its stage and the weight of every loss that is computed."""

    step: int
    stage: Stage
    weights: dict[str, float]


class Schedule:
    """Algorithm 1 as a function of the step (steps count from 1)."""

    def __init__(self, config: ScheduleConfig) -> None:
        self.config = config
        self.stages = _stages(config)

    def stage(self, step: int) -> Stage:
        """The stage that ``step`` belongs to."""
        for stage in self.stages:
            if stage.first_step <= step <= stage.last_step:
                return stage
        raise SecoustiError(f"step {step} is not among the {self.config.total_steps} of the plan")

    def at(self, step: int) -> StepPlan:
        """The plan of ``step``; losses that weigh nothing are left out."""
        stage = self.stage(step)
        weights = self._weights(stage.name, step)
        return StepPlan(step, stage, {name: w for name, w in weights.items() if w > 0})

    def _weights(self, stage: StageName, step: int) -> dict[str, float]:
        if stage == "acoustic":
            return {"mel": 1.0}  # lines 3-4
        perceptual = {
            "loudness": self.config.loudness,
            "intelligibility": self.config.intelligibility,
        }
        converted = {
            "conversion": self.config.conversion,
            "conversion_pitch": self.config.conversion_pitch,
            "conversion_words": self.config.conversion_words * self.config.converts,
        }
        scored = {"refined_mel": self.config.refined_mel, **self._adversarial(step)}
        voice = {"kl_para": self.config.kl_para.weight(step), "pitch": self.config.pitch}
        if stage in ("decoder", "synthesis"):
            voice = voice if stage == "synthesis" else {}
            return {"token_mel": 1.0, **voice, **perceptual, **converted, **scored}
        semantic = {
            "acoustic": self.config.alpha,
            "contrastive": self.config.beta,
            "kl_semantic": self.config.kl_semantic.weight(step),
            **voice,
            "token_mel": self.config.token_mel,
            "commitment": self.config.commitment,
            **self._content(step),
            **perceptual,
            **converted,
        }  # lines 5-13
        if stage == "semantic":
            return semantic
        return {"mel": self.config.acoustic_mel, **semantic, **scored}

    def _content(self, step: int) -> dict[str, float]:
        """What tokens should tell, and what not."""
        confusion = self.config.confusion
        adversary = {"speaker": 1.0, "confusion": confusion.weight(step)}
        told = {
            "phonemes": self.config.phonemes,
            "teacher": self.config.teacher,
            "prosody": self.config.prosody,
        }
        return {**told, **(adversary if confusion.upper > 0 else {})}

    def _adversarial(self, step: int) -> dict[str, float]:
        """It learns from the first step on, and is believed once its weight rises."""
        adversarial = self.config.adversarial
        if adversarial.upper == 0:
            return {}
        weight = adversarial.weight(step)
        return {
            "discriminator": 1.0,
            "adversarial": weight,
            "features": self.config.features * (weight > 0),
        }


def _stages(config: ScheduleConfig) -> tuple[Stage, ...]:
    last = config.total_steps
    scored = (
        *((DISCRIMINATOR,) if config.adversarial.upper > 0 else ()),
        *((REFINER,) if config.refined_mel > 0 else ()),
    )
    voice = (PITCH_HEAD,) if config.pitch > 0 else ()
    semantic = (
        *SEMANTIC,
        *voice,
        *((PHONEME_HEAD,) if config.phonemes > 0 else ()),
        *((SPEAKER_ADVERSARY,) if config.confusion.upper > 0 else ()),
        *((TEACHER_HEAD,) if config.teacher > 0 else ()),
    )
    if config.strategy == "joint":
        return (Stage("joint", 1, last, frozenset((*ACOUSTIC, *semantic, *scored))),)
    if config.strategy == "decoder":
        return (Stage("decoder", 1, last, frozenset(("decoder", *scored))),)
    if config.strategy == "synthesis":
        return (Stage("synthesis", 1, last, frozenset((*SYNTHESIS, *voice, *scored))),)
    stages = (
        Stage("acoustic", 1, config.stage1_end, frozenset(ACOUSTIC)),
        Stage("semantic", config.stage1_end + 1, last, frozenset(semantic)),
    )
    return tuple(stage for stage in stages if stage.steps > 0)
