"""A codec with the interface of audiocodecs: ``sig_to_toks``, ``toks_to_sig``, ``embs``, by mode.

Its letters: B rows, T samples, N tokens in time, K codebooks, C entries of a codebook, H features.
Lengths are relative, float [B] in 0..1. Unlike in that package tokens of a row depend neither on
the batch nor on the padding, and rates are changed by the codec's own resampler.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from secousti.base import Codec
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.hub.resolve import DEFAULT_MODEL, Parts, load_codec

AudioMode = Literal["reconstruct", "encode", "decode"]
_PARTS: dict[str, Parts] = {"reconstruct": "all", "encode": "encoder", "decode": "decoder"}


class Secousti(nn.Module):
    """One codec behind audiocodecs' methods.

    Args:
        sample_rate: Hz of signals in and out.
        orig_sample_rate: Hz of the codec; the model knows it.
        mode: what calling the module does: signal to signal, to tokens, or tokens to signal. A
            model given by name loads no more than that needs.
        model: a name or folder as for ``load_codec``, or a codec.
        voice: [1, V] or [B, V], who speaks where tokens are decoded (an average voice if not
            given). ``reconstruct`` speaks in the voice of its input.

    Raises:
        SecoustiError: an unknown mode, or another ``orig_sample_rate`` than the model's.
    """

    def __init__(
        self,
        sample_rate: int,
        orig_sample_rate: int | None = None,
        mode: AudioMode = "reconstruct",
        model: str | Codec = DEFAULT_MODEL,
        voice: Tensor | None = None,
    ) -> None:
        super().__init__()
        if mode not in _PARTS:
            raise SecoustiError(f"mode must be one of {', '.join(_PARTS)}, not {mode!r}")
        self.codec = model if isinstance(model, Codec) else load_codec(model, parts=_PARTS[mode])
        rate = self.codec.sample_rate
        if orig_sample_rate not in (None, rate):
            raise SecoustiError(
                f"the model {self.codec.model_id!r} works at {rate} Hz, not at {orig_sample_rate}: "
                "leave orig_sample_rate out"
            )
        self.sample_rate, self.orig_sample_rate, self.mode = sample_rate, rate, mode
        self.num_codebooks, self.vocab_size = self.codec.num_codebooks, self.codec.codebook_size
        self.voice = voice

    def forward(self, input: Tensor, length: Tensor | None = None) -> Tensor:
        """By ``mode``: a signal [B, T] or tokens [B, N, K] -> tokens or a signal."""
        if self.mode == "encode":
            return self.sig_to_toks(input, length)
        if self.mode == "decode":
            return self.toks_to_sig(input, length)
        found = self._encode(input, length, voice=True)
        audio = self.codec.decode(found, self.sample_rate, voice=self.voice)[:, 0]
        return nn.functional.pad(audio, (0, input.shape[-1] - audio.shape[-1]))

    def sig_to_toks(self, sig: Tensor, length: Tensor | None = None) -> Tensor:
        """Signals [B, T] -> tokens int64 [B, N, K]; what follows a row's own tokens is padding."""
        return self._encode(sig, length, voice=False).codes.transpose(1, 2)

    def sig_to_feats(self, sig: Tensor, length: Tensor | None = None) -> Tensor:
        """Signals [B, T] -> the vectors of their tokens [B, N, H], summed over the codebooks."""
        toks, vectors = self.sig_to_toks(sig, length), self.embs()
        return sum((vectors[k, toks[..., k]] for k in range(len(vectors))), start=torch.zeros(()))

    def toks_to_sig(self, toks: Tensor, length: Tensor | None = None) -> Tensor:
        """Tokens [B, N, K] -> signals float32 [B, T] at ``sample_rate``, zeros after a row's end.

        Raises:
            SecoustiError: tokens of another shape or outside the codebook.
        """
        codes = self.codec.check_codes(toks.transpose(1, 2))
        counts = _absolute(length, codes.shape[-1], len(codes))
        encoded = Encoded(
            codes=codes,
            lengths=counts,
            num_samples=counts * self.codec.frame_size,
            sample_rate=self.codec.sample_rate,
            codebook_size=self.codec.codebook_size,
        )
        return self.codec.decode(encoded, self.sample_rate, voice=self.voice)[:, 0]

    def embs(self) -> Tensor:
        """What every token says to the decoder, float32 [K, C, H]."""
        return self.codec.code_vectors()

    def _encode(self, sig: Tensor, length: Tensor | None, voice: bool) -> Encoded:
        lengths = _absolute(length, sig.shape[-1], len(sig))
        return self.codec.encode(sig, self.sample_rate, lengths, voice=voice)


def _absolute(length: Tensor | None, longest: int, rows: int) -> Tensor:
    """Relative lengths [B] of something ``longest`` long, as int64 [B].

    Raises:
        SecoustiError: another shape, or lengths that are not above 0 and at most 1.
    """
    if length is None:
        return torch.full((rows,), longest)
    relative = torch.as_tensor(length, dtype=torch.float64).cpu()
    if relative.shape != (rows,) or not bool(((relative > 0) & (relative <= 1)).all()):
        raise SecoustiError(
            f"length must be one number above 0 and at most 1 for each of {rows} rows, found "
            f"{relative.tolist()}"
        )
    return (relative * longest).round().to(torch.int64)
