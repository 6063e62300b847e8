"""Copy-synthesis of held-out speakers, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import soxr
import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.errors import require
from secousti.vocoder.base import Vocoder
from train.packed import PackedAudio


def held_out(valid: PackedAudio, seen: set[str], count: int) -> list[int]:
    """Rows of ``valid`` by speakers other than the ``seen`` ones, the speakers in turn.

    Of each speaker the earliest utterances of 2 to 8 seconds.
    """
    by_speaker: dict[str, list[int]] = {}
    for index, row in enumerate(valid.rows):
        seconds = row.length / valid.sample_rate
        if row.speaker not in seen and 2 <= seconds <= 8:
            by_speaker.setdefault(row.speaker, []).append(index)
    rounds = max(map(len, by_speaker.values()), default=0)
    turns = [rows[i] for i in range(rounds) for rows in by_speaker.values() if i < len(rows)]
    return turns[:count]


@torch.no_grad()
def score_copies(
    vocoder: Vocoder,
    mel: LogMel,
    audio: PackedAudio,
    rows: Sequence[int],
    decode: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, float]:
    """Mean PESQ-WB, STOI (both at their own rates) and log-mel L1 (nats) of copy-synthesis.

    Arguments:
        decode: makes the mel the vocoder hears of audio [1, N]; by default the audio's own.
    """
    scores = []
    device = mel.filters.device
    for row in rows:
        wav = torch.from_numpy(audio.crop(row))[None].to(device)
        heard = (decode or mel)(wav)
        copy = vocoder(heard)[0][:, 0, : wav.shape[-1]]
        error = F.l1_loss(mel(copy), mel(wav)).item()
        scores.append([*perceptual(wav[0], copy[0], audio.sample_rate), error])
    pesq, stoi, error = np.mean(scores, axis=0)
    return {"pesq": float(pesq), "stoi": float(stoi), "mel_l1": float(error)}


def perceptual(reference: Tensor, output: Tensor, sample_rate: int) -> tuple[float, float]:
    """PESQ-WB at 16 kHz and STOI of [N] against [N]; 1.0 and 0.0 where nothing is heard."""
    pesq, stoi = require("pesq", "train"), require("pystoi", "train")
    ours, wanted = (
        soxr.resample(x.float().cpu().numpy(), sample_rate, 16000) for x in (output, reference)
    )
    try:
        return pesq.pesq(16000, wanted, ours, "wb"), stoi.stoi(wanted, ours, 16000)
    except pesq.NoUtterancesError:
        return 1.0, 0.0
