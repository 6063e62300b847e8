"""Copy-synthesis of held-out speakers, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.vocoder.base import Vocoder
from train.data.packed import PackedCorpus
from train.engine.sound import Sample, score


def held_out(valid: PackedCorpus, seen: set[str], count: int) -> list[int]:
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
    audio: PackedCorpus,
    rows: Sequence[int],
    decode: Callable[[Tensor], Tensor] | None = None,
) -> tuple[dict[str, float], list[Sample]]:
    """Mean PESQ-WB, STOI and log-mel L1 (nats) of copy-synthesis, and its samples.

    Args:
        decode: makes the vocoder's mel of audio [1, N]; by default the audio's own.
    """
    samples, errors = [], []
    device = mel.filters.device
    for row in rows:
        wav = torch.from_numpy(audio.crop(row))[None].to(device)
        given = (decode or mel)(wav)
        copy = vocoder(given)[0][:, 0, : wav.shape[-1]].float()
        ours, wanted = mel(copy), mel(wav)
        errors.append(F.l1_loss(ours, wanted).item())
        sounds = {"original": wav[0].cpu().numpy(), "copy": copy[0].cpu().numpy()}
        mels = {"original": wanted[0].cpu().numpy(), "copy": ours[0].cpu().numpy()}
        samples.append(Sample(audio.rows[row].audio, sounds, mels, audio.sample_rate))
    if not samples:
        return {}, []
    return score(samples, "original", "copy") | {"mel_l1": float(np.mean(errors))}, samples
