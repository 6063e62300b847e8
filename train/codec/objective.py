"""The codec with its phoneme branch, and every loss of Algorithm 1 in one forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.semantic.phoneme_encoder import token_labels
from train.codec.batches import Batch
from train.codec.config import ObjectiveConfig
from train.codec.conversion import Conversion, in_other_voices
from train.codec.losses import (
    kl_to_standard_normal,
    kl_with_margin,
    masked_mean,
    masked_mse,
    sample_normal,
)
from train.codec.mel_discriminator import MelDiscriminator
from train.codec.perceptual import IntelligibilityLoss, LoudnessLoss
from train.codec.phoneme_head import PhonemeHead
from train.codec.pitch import PitchHead, PitchListener
from train.codec.prosody_digit import ProsodyDigit
from train.codec.speaker_adversary import SpeakerAdversary
from train.codec.teacher import Teacher, distance
from train.codec.text_branch import TextBranch
from train.codec.warp import VoiceWarp
from train.voice.listener import load_listener

# What trains beside the codec.
OWN = (
    "text",
    "discriminator",
    "phoneme_head",
    "speaker_adversary",
    "teacher_head",
    "pitch_head",
)
# The losses of the mel decoded from tokens.
DECODED = {"token_mel", "loudness", "intelligibility", "discriminator", "refined_mel"}


@dataclass
class Semantics:
    """The token path of one batch: S [B, D, L], G [B, D], A_hat, int64 [B, L], and its losses.

    ``latents`` [B, D, L] is the mean of S before quantization.
    """

    latents: Tensor
    vectors: Tensor
    voice: Tensor
    a_hat: Tensor
    indices: Tensor
    kl_semantic: Tensor
    kl_para: Tensor
    commitment: Tensor


@dataclass
class Inspection:
    """What validation looks at: mels [B, n_mels, T] of both paths, A and S [B, D, L], P.

    ``labels`` int64 [B, L] is the phoneme of each token; ``phonemes`` P [B, L, D], or None when
    no phoneme encoder is trained.
    """

    mel: Tensor
    mel_mask: Tensor
    mask: Tensor
    acoustic: Tensor
    mel_from_acoustic: Tensor
    mel_from_tokens: Tensor
    semantics: Semantics
    phonemes: Tensor | None
    labels: Tensor


class Objective(nn.Module):
    """Batch and loss weights in, losses out. ``codec`` and the parts ``OWN`` hold all that trains.

    Args:
        speakers: of the training data, for ``config.speaker_adversary``.
    """

    def __init__(self, codec: SecoustiCodec, config: ObjectiveConfig, speakers: int = 0) -> None:
        super().__init__()
        self.codec = codec
        self.config = config
        self.text = TextBranch(codec, config)
        self.loudness = LoudnessLoss(codec.config.mel)
        self.intelligibility = IntelligibilityLoss(codec.config.mel)
        self.discriminator = (
            MelDiscriminator(config.discriminator) if config.discriminator is not None else None
        )
        width = codec.config.transformer.d_model
        self.phoneme_head = (
            PhonemeHead(width, codec.frames_per_token, config.phoneme_head)
            if config.phoneme_head is not None
            else None
        )
        self.speaker_adversary = (
            SpeakerAdversary(width, speakers, config.speaker_adversary)
            if config.speaker_adversary is not None
            else None
        )
        self.teacher = None if config.teacher is None else Teacher(config.teacher, codec)
        self.teacher_head = None if self.teacher is None else nn.Linear(width, self.teacher.width)
        mel = codec.config.mel
        self.pitch_head = (
            None if config.pitch_head is None else PitchHead(width, mel, config.pitch_head)
        )
        self.pitch_listener = (
            None if config.pitch_listener is None else PitchListener(config.pitch_listener, mel)
        )
        self.prosody_digit = (
            None if config.prosody_digit is None else ProsodyDigit(codec, config.prosody_digit)
        )
        self.conversion = None
        if config.listener is not None:
            self.conversion = Conversion(codec, load_listener(config.listener))
        if config.warp_share > 0 and codec.config.pitch is not None:
            raise SecoustiError("objective.warp_share needs a codec whose input has no pitch")
        self.warp = VoiceWarp(codec.config.mel, config.warp_share, config.warp)

    def forward(
        self, batch: Batch, weights: dict[str, float] | None
    ) -> dict[str, Tensor] | Inspection:
        """Losses for training, or with ``weights=None`` everything validation looks at.

        One entrance, because the wrappers of distributed training only see ``forward``.
        """
        return self.inspect(batch) if weights is None else self.losses(batch, weights)

    def inspect(self, batch: Batch) -> Inspection:
        """Both paths and both representations of a batch."""
        codec = self.codec
        features, mel_mask, mask = self.features(batch)
        mel = self._mel(features)
        z, _ = codec.encoder(features)
        acoustic, _ = codec.acoustic_projection(z)
        semantics = self.semantics(z, batch, mask)
        return Inspection(
            mel=mel,
            mel_mask=mel_mask,
            mask=mask,
            acoustic=acoustic,
            mel_from_acoustic=codec.decoder(acoustic)[0],
            mel_from_tokens=self.codec.refined(
                codec.decoder(semantics.a_hat, voice=semantics.voice)[0]
            ),
            semantics=semantics,
            phonemes=self.text.phonemes(batch.phonemes),
            labels=token_labels(batch.phonemes, self.text.ratio),
        )

    def losses(self, batch: Batch, weights: dict[str, float]) -> dict[str, Tensor]:
        """The losses that ``weights`` names, unweighted, and ``loss``, their weighted sum."""
        codec = self.codec
        features, mel_mask, mask = self.features(batch)
        mel = self._mel(features)
        tokens_train = bool(weights.keys() - {"mel"})
        features, own_voice = self._in_other_voices(features, batch, tokens_train)
        z, _ = codec.encoder(features)
        acoustic, _ = codec.acoustic_projection(z)
        losses: dict[str, Tensor] = {}
        if "mel" in weights:
            decoded = codec.decoder(acoustic)[0]
            losses["mel"] = masked_mse(decoded, mel, mel_mask & own_voice)
        if tokens_train:
            semantics = self.semantics(z, batch, mask)
            target = acoustic.detach()
            losses["acoustic"] = masked_mse(semantics.a_hat, target, mask & own_voice)
            losses |= self._stage_two(semantics, mel, mel_mask, weights)
            losses |= self._content(semantics, batch, mask, weights)
            losses |= self._pitch(semantics, batch, weights)
            if "teacher" in weights:
                losses["teacher"] = self._taught(semantics.latents, mel, mask)
        losses = {name: value for name, value in losses.items() if name in weights}
        losses["loss"] = sum(
            (weights[name] * value for name, value in losses.items()), mel.new_zeros(())
        )
        return losses

    def features(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The encoder's input, and what is no padding: bool [B, T] frames, [B, L] tokens.

        The input is the log-mel [B, n_mels, T], and below it the pitch where the codec has one.
        """
        codec = self.codec
        features = self._front_end(batch.audio)
        frames = torch.arange(features.shape[-1], device=features.device) * codec.hop_length
        mel_mask = frames < batch.lengths[:, None]
        return features, mel_mask, mel_mask[:, :: codec.frames_per_token]

    def _front_end(self, audio: Tensor) -> Tensor:
        """The encoder's input of audio [B, N]."""
        codec = self.codec
        with torch.no_grad(), torch.autocast(audio.device.type, enabled=False):
            features: Tensor = codec.mel(audio, codec.frames_per_token)
        return features

    def _in_other_voices(
        self, features: Tensor, batch: Batch, tokens_train: bool
    ) -> tuple[Tensor, Tensor]:
        """The encoder's input of each item, and bool [B, 1]: whether in its own voice.

        A of another voice has no recording to be compared with.
        """
        other = torch.zeros(len(features), dtype=torch.bool, device=features.device)
        if tokens_train and batch.encoder_audio is not None:
            features, other = self._front_end(batch.encoder_audio), batch.perturbed
        if tokens_train and self.warp.share > 0:
            factors, warped = self.warp.draw(len(features))
            features, other = self.warp(features, factors), other | warped
        return features, ~other[:, None]

    def _content(
        self, semantics: Semantics, batch: Batch, mask: Tensor, weights: dict[str, float]
    ) -> dict[str, Tensor]:
        """Whether tokens tell what is said, and not who says it."""
        losses: dict[str, Tensor] = {}
        if "contrastive" in weights:
            losses["contrastive"] = self.text(semantics.vectors, batch.phonemes, mask)
        if "phonemes" in weights:
            assert self.phoneme_head is not None
            losses["phonemes"] = self.phoneme_head(semantics.latents, batch.phonemes, mask)
        if "speaker" in weights:
            assert self.speaker_adversary is not None
            losses |= self.speaker_adversary.losses(
                semantics.vectors, mask, semantics.voice, batch.speakers
            )
        return losses

    def _pitch(
        self, semantics: Semantics, batch: Batch, weights: dict[str, float]
    ) -> dict[str, Tensor]:
        """Whether G tells the height of the voice, and one digit of the tokens the melody."""
        losses: dict[str, Tensor] = {}
        window = (batch.window, batch.window_lengths)
        if "pitch" in weights:
            assert self.pitch_head is not None
            losses["pitch"] = self.pitch_head.loss(semantics.voice, *window)
        if "prosody" in weights:
            assert self.prosody_digit is not None
            spoken = (batch.audio, batch.lengths)
            losses["prosody"] = self.prosody_digit.loss(semantics.latents, spoken, window)
        return losses

    def _mel(self, features: Tensor) -> Tensor:
        """The mel alone: what the decoder aims at and G is taken from."""
        return features[:, : self.codec.config.mel.n_mels]

    def _taught(self, latents: Tensor, mel: Tensor, mask: Tensor) -> Tensor:
        """How far latents [B, D, L] are from telling the teacher's of the recording's mel."""
        assert self.teacher is not None
        assert self.teacher_head is not None
        return distance(self.teacher_head(latents.mT).mT, self.teacher(mel), mask)

    def semantics(self, z: Tensor, batch: Batch, mask: Tensor) -> Semantics:
        """Equations 1, 2 and 4: tokens and paralinguistic vector to the prediction of A."""
        codec, config = self.codec, self.config
        variational = codec.config.quantizer.variational
        mu, logvar = codec.semantic_projection.distribution(z)
        sampled = sample_normal(mu, logvar) if variational and self._samples() else mu
        quantized = codec.quantizer(sampled)
        g_mu, g_logvar = self._paralinguistic(batch)
        g = sample_normal(g_mu, g_logvar) if self._samples() else g_mu
        a_hat, _ = codec.connector(codec.connector.fuse(quantized.vectors, g), voice=g)
        kl = kl_to_standard_normal(mu, logvar, config.reduction, dim=1)  # [B, L]
        g_kl = kl_to_standard_normal(g_mu, g_logvar, config.reduction, dim=1)  # [B]
        zero = mu.new_zeros(())
        return Semantics(
            mu,
            quantized.vectors,
            g,
            a_hat,
            quantized.indices,
            kl_with_margin(masked_mean(kl, mask), config.margin) if variational else zero,
            kl_with_margin(g_kl.mean(), config.margin),
            zero + quantized.loss,
        )

    def _samples(self) -> bool:
        return self.training and self.config.sample

    def _paralinguistic(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of G, both [B, D]."""
        codec = self.codec
        with torch.no_grad(), torch.autocast(batch.window.device.type, enabled=False):
            mel = self._mel(codec.mel(batch.window))
        frames = -(-batch.window_lengths // codec.hop_length)
        voice = codec.paralinguistic(mel, frames.clamp(max=mel.shape[-1]))
        return codec.paralinguistic.project(voice), codec.paralinguistic.logvar(voice)

    def _stage_two(
        self,
        semantics: Semantics,
        mel: Tensor,
        mel_mask: Tensor,
        weights: dict[str, float],
    ) -> dict[str, Tensor]:
        losses = {
            "kl_semantic": semantics.kl_semantic,
            "kl_para": semantics.kl_para,
            "commitment": semantics.commitment,
        }
        converted = None
        if weights.keys() & {"conversion", "conversion_pitch"} and len(mel) > 1:
            converted, words, voices = in_other_voices(
                self.codec, semantics.vectors, semantics.voice
            )
            losses |= self._converted_losses(converted, mel, mel_mask, words, voices, weights)
        if weights.keys() & DECODED:
            decoded = self.codec.decoder(semantics.a_hat, voice=semantics.voice)[0]
            losses |= self._decoded_losses(decoded, converted, mel, mel_mask, weights)
        return losses

    def _converted_losses(
        self,
        converted: Tensor,
        mel: Tensor,
        mask: Tensor,
        words: slice,
        voices: slice,
        weights: dict[str, float],
    ) -> dict[str, Tensor]:
        """Whether it is the right voice at the right height, and whether it says the same."""
        losses = {"conversion_words": self.intelligibility(converted, mel[words], mask[words])}
        asked = (mel[voices], mask[voices])
        if "conversion" in weights:
            assert self.conversion is not None
            losses["conversion"] = self.conversion(converted, mask[words], *asked)
        if "conversion_pitch" in weights:
            assert self.pitch_listener is not None
            said = (mel[words], mask[words])
            losses["conversion_pitch"] = self.pitch_listener(converted, *said, *asked)
        return losses

    def _decoded_losses(
        self,
        decoded: Tensor,
        converted: Tensor | None,
        mel: Tensor,
        mask: Tensor,
        weights: dict[str, float],
    ) -> dict[str, Tensor]:
        """What the mel decoded from tokens is scored by: [B, n_mels, T] against the recording's."""
        errors: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
            "token_mel": masked_mse,
            "loudness": self.loudness,
            "intelligibility": self.intelligibility,
        }
        losses = {name: f(decoded, mel, mask) for name, f in errors.items() if name in weights}
        if "refined_mel" in weights:  # the codec before the refiner keeps to the losses above
            decoded = self.codec.refined(decoded.detach())
            converted = None if converted is None else self.codec.refined(converted.detach())
            losses["refined_mel"] = masked_mse(decoded, mel, mask)
        if "discriminator" in weights:
            assert self.discriminator is not None
            losses |= self.discriminator.losses(decoded, mel, mask, converted)
        return losses

    def part(self, name: str) -> nn.Module:
        """The module of that name in ``OWN``, or a (dotted) part of the codec."""
        return self.get_submodule(name if name in OWN else f"codec.{name}")


def trainable_names(
    objective: Objective, trains: frozenset[str], freeze: tuple[str, ...]
) -> set[str]:
    """Names of the parameters that train when the parts ``trains`` do, without ``freeze``."""
    wanted = {id(p) for name in trains for p in objective.part(name).parameters()}
    wanted -= {id(p) for name in freeze for p in objective.part(name).parameters()}
    return {name for name, p in objective.named_parameters() if id(p) in wanted}
