"""Disentanglement while a codec trains: who speaks by S and its digits, whose pitch G makes.

The probes are those of ``secousti eval probes`` (``secousti/evaluation``), here on validation
crops: numbers to compare with each other from one validation to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.evaluation.audio import Audio
from secousti.evaluation.cache import Cache
from secousti.evaluation.conversion_probe import (
    FEWEST_VOICED,
    Track,
    far_pairs,
    follow_pitch,
    median_octave,
    track_of,
)
from secousti.evaluation.probes import (
    digits_of,
    most_recorded,
    one_hot_digits,
    paired,
    pooled,
    repeated_probe,
)
from secousti.vocoder.base import Vocoder
from train.codec.batches import Batch
from train.codec.objective import Inspection

SPEAKERS = 12
PAIRS = 16  # conversions whose pitch is tracked
_SHORTEST = 8  # tokens of a crop that the probes use

# An item of a batch: its inspection, its batch and its row.
Item = tuple[Inspection, Batch, int]


def items(inspections: Sequence[Inspection], batches: Sequence[Batch]) -> list[Item]:
    """One crop of each utterance, crops of a few tokens left out."""
    found: dict[str, Item] = {}
    for inspection, batch in zip(inspections, batches, strict=True):
        for b, name in enumerate(batch.names):
            if int(inspection.mask[b].sum()) >= _SHORTEST:
                found.setdefault(name, (inspection, batch, b))
    return list(found.values())


def speaker_metrics(
    crops: Sequence[Item], speakers: Mapping[str, str], levels: tuple[int, ...]
) -> dict[str, float]:
    """``speaker_from_s`` and ``speaker_from_digits``: accuracy of telling at most 12 speakers.

    Empty where fewer than two speakers have two crops.

    Args:
        speakers: of each utterance, by name. levels: of a token's digits, () without digits.
    """
    names = [speakers[batch.names[b]] for _, batch, b in crops]
    chosen = most_recorded(names, SPEAKERS)
    told = [names[index] for index in chosen]
    if len(set(told)) < 2:
        return {}
    features: dict[str, list[np.ndarray]] = {"speaker_from_s": []}
    if levels:
        features["speaker_from_digits"] = []
    for index in chosen:
        inspection, _, b = crops[index]
        mask = inspection.mask[b]
        vectors = inspection.semantics.vectors[b][:, mask].T
        features["speaker_from_s"].append(pooled(vectors.double().cpu().numpy()))
        digits = one_hot_digits(inspection.semantics.indices[b][mask].cpu().numpy(), levels)
        if digits is not None:
            features["speaker_from_digits"].append(paired(digits))
    return {k: repeated_probe(np.stack(v), told).accuracy for k, v in features.items()}


@torch.no_grad()
def pitch_metrics(
    crops: Sequence[Item],
    speakers: Mapping[str, str],
    codec: SecoustiCodec,
    vocoder: Vocoder,
    rate: int,
    cache: Cache,
) -> dict[str, float]:
    """``conversion_f0_nearer``, ``_octave_errors`` and ``_melody`` of converted crops.

    Empty where no two speakers are half an octave apart.

    Args:
        cache: remembers the pitch of the recordings from one validation to the next.
    """
    few = crops[: 4 * PAIRS]
    audios = [_recording(batch, b, rate) for _, batch, b in few]
    names = [speakers[batch.names[b]] for _, batch, b in few]
    octaves = [median_octave(track_of(audio, cache)) for audio in audios]
    pairs = far_pairs(names, octaves, PAIRS)
    if not pairs:
        return {}
    place = {id(audio): item for audio, item in zip(audios, few, strict=True)}

    def convert(source: Audio, target: Audio) -> Audio:
        return _converted(place[id(source)], place[id(target)], codec, vocoder, rate)

    found = follow_pitch(
        convert,
        [(audios[a], audios[b]) for a, b in pairs],
        [names[a] for a, _ in pairs],
        cache,
    )
    metrics = {"conversion_f0_nearer": found.nearer.mean}
    if found.octave_errors.count:
        metrics["conversion_octave_errors"] = found.octave_errors.mean
    if found.melody.count:
        metrics["conversion_melody"] = found.melody.mean
    return metrics


def melody_metrics(
    crops: Sequence[Item], levels: tuple[int, ...], rate: int, cache: Cache
) -> dict[str, float]:
    """``melody_in_a_digit``: how much of the melody one digit of the tokens tells by itself.

    The highest absolute correlation, over the digits, with the log F0 of voiced tokens less the
    median of their crop. Empty where tokens have no digits or few are voiced.

    Args:
        levels: of a token's digits, the least significant first. cache: remembers the pitch.
    """
    if not levels or not crops:
        return {}
    melodies, digits = [], []
    for inspection, batch, b in crops[: 4 * PAIRS]:
        ids = inspection.semantics.indices[b][inspection.mask[b]].cpu().numpy()
        melody = _token_octaves(track_of(_recording(batch, b, rate), cache), len(ids))
        voiced = np.isfinite(melody)
        melodies.append(melody[voiced])
        digits.append(digits_of(ids[voiced], levels))
    melody = np.concatenate(melodies)
    moving = [digit for digit in np.concatenate(digits).T if np.ptp(digit) > 0]
    if len(melody) < FEWEST_VOICED or np.ptp(melody) == 0 or not moving:
        return {}
    return {"melody_in_a_digit": max(abs(np.corrcoef(digit, melody)[0, 1]) for digit in moving)}


def _token_octaves(track: Track, tokens: int) -> Track:
    """log2 of F0 in each of ``tokens`` equal parts, less the median; NaN where unvoiced."""
    octaves = np.log2(np.where(track > 0, track, np.nan)) - median_octave(track)
    voiced = (part[np.isfinite(part)] for part in np.array_split(octaves, tokens))
    return np.array([part.mean() if len(part) else np.nan for part in voiced])


def _recording(batch: Batch, b: int, rate: int) -> Audio:
    return Audio(batch.audio[b, : int(batch.lengths[b])].cpu().numpy(), rate)


def _converted(
    source: Item, target: Item, codec: SecoustiCodec, vocoder: Vocoder, rate: int
) -> Audio:
    """Tokens of one crop with G of another."""
    inspection, batch, b = source
    voice: Tensor = target[0].semantics.voice[target[2]][None]
    vectors = inspection.semantics.vectors[b : b + 1][:, :, inspection.mask[b]]
    a_hat, _ = codec.connector(codec.connector.fuse(vectors, voice), voice=voice)
    mel = codec.refined(codec.decoder(a_hat, voice=voice)[0]).float()
    sound = vocoder(mel)[0][0, 0, : int(batch.lengths[b])]
    return Audio(sound.float().clamp(-1, 1).cpu().numpy(), rate)
