"""The teacher: an MDCT codec with a residual quantizer (paper 2.4.1), all stages transmitted."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from secousti.hub.weights import HubMixin
from secousti.p2psyn.config import P2PSynConfig
from secousti.p2psyn.convnext import (
    SpectrumDecoder,
    SpectrumEncoder,
    add_weight_norm,
    fold_weight_norm,
)
from secousti.p2psyn.mdct import IMDCT, MDCT
from secousti.p2psyn.rvq import Quantized, ResidualVQ


class Teacher(HubMixin, nn.Module):
    """Encoder, residual quantizer and decoder of MDCT spectra; stage 1 of training."""

    kind = "p2psyn-teacher"
    config_class = P2PSynConfig

    def __init__(self, config: P2PSynConfig) -> None:
        super().__init__()
        self.config = config
        self.mdct = MDCT(config.backbone.coefficients)
        self.encoder = SpectrumEncoder(config.backbone)
        self.quantizer = ResidualVQ(config.quantizer, config.backbone.latent_dim)
        self.decoder = SpectrumDecoder(config.backbone)
        self.imdct = IMDCT(config.backbone.coefficients)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Quantized]:
        """A training step's forward pass.

        Audio [B, 1, T], T + coefficients a multiple of the token's samples, to (its spectrum
        [B, N, F], the decoded spectrum, the decoded audio [B, 1, T], the quantization).
        """
        spectrum, latents = self.analyse(audio)
        quantized = self.quantizer(latents)
        decoded, _ = self.decoder(quantized.vectors)
        return spectrum, decoded, self.to_audio(decoded), quantized

    def analyse(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Audio [B, 1, T] as in ``forward`` -> spectrum [B, N, F] and latents [B, K, L]."""
        spectrum, _ = self.mdct(F.pad(audio, (0, self.mdct.size)))
        latents, _ = self.encoder(spectrum)
        return spectrum, latents

    def to_audio(self, spectrum: Tensor) -> Tensor:
        """Coefficients [B, N, F] -> audio [B, 1, (F - 1) * N]."""
        audio: Tensor = self.imdct(spectrum)[0]
        return audio[..., self.imdct.size :]

    def folded(self) -> Teacher:
        """A copy without weight normalisation: what is saved and used."""
        # Not a deepcopy: copies of a parametrized module share one class, and folding one breaks
        # the other.
        teacher = Teacher(self.config)
        if any(parametrize.is_parametrized(module) for module in self.modules()):
            add_weight_norm(teacher.encoder, teacher.decoder)
        teacher.load_state_dict(self.state_dict())
        fold_weight_norm(teacher.encoder, teacher.decoder)
        return teacher

    def meaning_hash(self) -> str:
        """16 hex digits naming what gives tokens their meaning: the encoder and the codebooks.

        Receivers with the same hash can read each other's files, whatever predicts their
        pseudo stages.
        """
        digest = hashlib.blake2b(digest_size=8)
        for part in (self.encoder, self.quantizer):
            for name, weight in sorted(part.state_dict().items()):
                digest.update(name.encode())
                digest.update(weight.detach().float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def tokens_for(num_samples: Tensor, config: P2PSynConfig) -> Tensor:
    """Tokens that hold ``num_samples`` (int64): whole MDCT frames, and the one that ends them."""
    frames = -(-num_samples // config.backbone.coefficients) + 1
    return -(-frames // config.backbone.stride)


def token_mask(lengths: Tensor, total: int, dtype: torch.dtype) -> Tensor | None:
    """The mask of a padded batch, or ``None`` when every row is full."""
    from secousti.p2psyn.pseudo_vq import length_mask

    return None if bool((lengths == total).all()) else length_mask(lengths, total, dtype)
