"""Whose pitch converted speech has, on tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from secousti.evaluation.audio import Audio
from secousti.evaluation.conversion_probe import (
    far_pairs,
    follow_pitch,
    median_octave,
    melody,
    octave_errors,
    track_of,
)

pytest.importorskip("librosa")
RATE = 16000


def voiced(hertz: float, seconds: float = 0.8) -> Audio:
    """A pulse-like tone with ten harmonics."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.cos(2 * np.pi * hertz * k * time) / k for k in range(1, 11))
    return Audio(np.float32(0.1 * wave), RATE)


def test_pairs_are_far_apart_and_come_from_every_speaker() -> None:
    speakers = ["low"] * 4 + ["high"] * 2 + ["silent"]
    octaves = [7.0, 7.1, 6.9, 7.0, 8.0, 7.2, float("nan")]
    pairs = far_pairs(speakers, octaves, 100)
    assert pairs
    assert all(abs(octaves[a] - octaves[b]) > 0.5 for a, b in pairs)
    assert {speakers[a] for a, _ in pairs[:2]} == {"low", "high"}
    assert far_pairs(speakers, octaves, 3) == pairs[:3]
    assert far_pairs(["a", "b"], [7.0, 7.4], 9) == []


def test_pitch_follows_the_voice_that_makes_it() -> None:
    """A converter that obeys, one that keeps the source, and one that goes a third of the way."""
    source, target = voiced(120), voiced(240)
    for hertz, nearer, way in ((240, 1.0, 1.0), (120, 0.0, 0.0), (120 * 2 ** (1 / 3), 0.0, 1 / 3)):
        found = follow_pitch(lambda s, t, hz=hertz: voiced(hz), [(source, target)], ["s"])
        assert found.nearer.mean == nearer
        assert found.way.mean == pytest.approx(way, abs=0.03)
        assert found.octave_errors.mean == 0.0


def test_silence_is_not_nearer_to_anybody() -> None:
    def hush(source: Audio, target: Audio) -> Audio:
        return Audio(np.zeros(8000, np.float32), RATE)

    found = follow_pitch(hush, [(voiced(120), voiced(240))], ["s"])
    assert (found.nearer.mean, found.silent, found.way.count) == (0.0, 1, 0)


def test_an_octave_error_is_a_jump_out_of_the_contour() -> None:
    source = np.full(100, 120.0)
    shifted = 2 * source  # the same contour an octave higher
    assert octave_errors(source, shifted) == 0.0
    shifted[:25] /= 2
    assert octave_errors(source, shifted) == 0.25
    assert np.isnan(octave_errors(source, np.zeros(100)))


def test_the_melody_is_how_the_pitch_moves_and_not_how_high_it_is() -> None:
    rising = np.geomspace(100, 200, 50)
    silent = np.zeros(50)
    assert melody(rising, 3 * rising) == pytest.approx(1.0)
    assert melody(rising, rising[::-1]) == pytest.approx(-1.0)
    assert melody(rising, np.full(50, 120.0)) == 0.0
    assert melody(np.concatenate([rising, silent]), rising[:30]) == pytest.approx(1.0)
    assert np.isnan(melody(np.full(50, 120.0), rising))
    assert np.isnan(melody(rising, silent))
    assert np.isnan(melody(rising[:9], rising[:9]))


def test_the_median_is_over_voiced_frames() -> None:
    assert median_octave(np.array([0.0, 128.0, 0.0, 128.0])) == 7.0
    assert median_octave(track_of(voiced(128))) == pytest.approx(7.0, abs=0.03)
    assert np.isnan(median_octave(np.zeros(4)))
