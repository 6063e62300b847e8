"""Whether the voice vector decides the voice: pitch, words and likeness of converted speech.

Speech of one speaker is decoded with the voice of another whose pitch is more than half an octave
away. If the tokens held what is said and the vector who says it, the pitch of the result would
be the other speaker's, and the words would stay.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.evaluation.audio import Audio
from secousti.evaluation.cache import Cache
from secousti.evaluation.metrics.base import Score
from secousti.evaluation.metrics.pitch import RATE, pitch_track
from secousti.evaluation.statistics import Estimate, estimate

Track = NDArray[np.float64]
APART = 0.5  # octaves between the speakers of a pair
FEWEST_VOICED = 10  # frames whose melodies are compared
JUMP = 0.75  # octaves from the source's contour that count as an octave error


@dataclass(frozen=True)
class PitchFollowing:
    """Where the pitch of converted speech lies.

    Attributes:
        nearer: share of pairs whose result's median F0 is nearer to the target's than to the
            source's, on a logarithmic scale.
        way: of the distance from the source's median to the target's, how much the result went.
        octave_errors: share of the frames voiced in source and result whose F0, both less their
            medians, lies more than three quarters of an octave from the source's.
        melody: correlation of log F0 over the same frames: 1 where the pitch moves as the source's.
        silent: pairs whose result has no voiced frame; they count as not nearer.
    """

    nearer: Estimate
    way: Estimate
    octave_errors: Estimate
    melody: Estimate
    silent: int


def median_octave(track: Track) -> float:
    """log2 of the median F0 in Hz over voiced frames; NaN where none is voiced."""
    voiced = track[track > 0]
    return float(np.log2(np.median(voiced))) if len(voiced) else float("nan")


def track_of(audio: Audio, cache: Cache | None = None) -> Track:
    """F0 in Hz every 10 ms, 0 where unvoiced."""
    return pitch_track(audio.at(RATE), cache)


def far_pairs(
    speakers: Sequence[str], octaves: Sequence[float], count: int, seed: int = 0
) -> list[tuple[int, int]]:
    """At most ``count`` pairs (source, target) of recordings of speakers far apart in pitch.

    Sources come from every speaker in turn; each meets a target drawn from the recordings whose
    median F0 is more than half an octave from its own.

    Args:
        speakers: of each recording. octaves: ``median_octave`` of each.
    """
    rng = random.Random(seed)
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for index in rng.sample(range(len(speakers)), len(speakers)):
        by_speaker[speakers[index]].append(index)
    rounds = max(map(len, by_speaker.values()), default=0)
    turns = [own[k] for k in range(rounds) for own in by_speaker.values() if k < len(own)]
    found = []
    for source in turns:
        far = [i for i, octave in enumerate(octaves) if abs(octave - octaves[source]) > APART]
        if far:
            found.append((source, rng.choice(far)))
    return found[:count]


def octave_errors(source: Track, result: Track) -> float:
    """Share of frames voiced in both that leave the source's contour; NaN where none is."""
    first, second = _voiced_in_both(source, result)
    if not len(first):
        return float("nan")
    apart = (first - np.median(first)) - (second - np.median(second))
    return float((np.abs(apart) > JUMP).mean())


def melody(source: Track, result: Track) -> float:
    """Correlation of log F0 over frames voiced in both; 0 where the result has one pitch.

    NaN where the source has one there, or fewer than ten frames are voiced in both.
    """
    first, second = _voiced_in_both(source, result)
    if len(first) < FEWEST_VOICED or np.ptp(first) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1]) if np.ptp(second) > 0 else 0.0


def _voiced_in_both(source: Track, result: Track) -> tuple[Track, Track]:
    """log2 of F0 in the frames that are voiced in both."""
    result = np.pad(result[: len(source)], (0, max(0, len(source) - len(result))))
    both = (source > 0) & (result > 0)
    return np.log2(source[both]), np.log2(result[both])


def follow_pitch(
    convert: Callable[[Audio, Audio], Audio],
    pairs: Sequence[tuple[Audio, Audio]],
    groups: Sequence[str],
    cache: Cache | None = None,
) -> PitchFollowing:
    """Convert every (source, target) and see whose pitch the result has.

    Args:
        convert: the words of the first in the voice of the second.
        groups: speaker of each source, over which intervals are drawn.
    """
    nearer, way, errors, moved, names = [], [], [], [], []
    silent = 0
    for (source, target), group in zip(pairs, groups, strict=True):
        tracks = [track_of(a, cache) for a in (source, target, convert(source, target))]
        start, end, result = map(median_octave, tracks)
        if np.isnan(result):
            silent += 1
            nearer.append((Score(0.0), group))
            continue
        nearer.append((Score(float(abs(result - end) < abs(result - start))), group))
        way.append(Score((result - start) / (end - start)))
        names.append(group)
        if not np.isnan(share := octave_errors(tracks[0], tracks[2])):
            errors.append((Score(share), group))
        if not np.isnan(likeness := melody(tracks[0], tracks[2])):
            moved.append((Score(likeness), group))
    estimates = (_over(nearer), estimate(way, names), _over(errors), _over(moved))
    return PitchFollowing(*estimates, silent)


def _over(values: list[tuple[Score, str]]) -> Estimate:
    return estimate([score for score, _ in values], [group for _, group in values])
