"""Augmentation: the same speech as another recording of it, faster or slower, in a room, in noise.

One ``Take`` is one imagined recording. The encoded crop and the paralinguistic window are cut
from the same take: same speed (it moves pitch and formants, so the window must have the voice of
the crop), same room, same kind and level of noise; only the noise itself is another stretch. That
is how the codec is used, where both come from one file. The augmented sound is also the target: a
codec reproduces its input, so A and the mel losses aim at the augmented sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr

from secousti.errors import SecoustiError, require
from train.data.packed import Corpus

_FIRST_ECHO = 0.003  # s after the direct sound: a detour of one metre
_FLAT_BELOW = 60.0  # Hz; brown noise would otherwise lie below what anybody hears
_VOICES = (3, 7)  # talkers in a babble
_SPEED, _ROOM, _NOISE = 1, 2, 3  # each effect has random numbers of its own
_SILENCE = 1e-8  # a level that nothing is divided by


def check_range(name: str, bounds: tuple[float, ...], above: float) -> None:
    """Raises SecoustiError unless ``bounds`` is a low and a high number over ``above``."""
    if len(bounds) != 2 or not above < bounds[0] <= bounds[1] < math.inf:
        limit = f" above {above:g}" if math.isfinite(above) else ""
        raise SecoustiError(f"{name} must be a range [low, high]{limit}, found {list(bounds)}")


@dataclass(frozen=True)
class AugmentConfig:
    """What is done to a share of the training items; by default nothing.

    Args:
        speed: range of the factor by which speech is played faster (tempo and pitch together).
        snr_db: range of the level of the speech above the noise, each over the whole crop.
        babble_share: of the noisy items; theirs is other speech of the corpus, the others' is
            coloured noise, white to brown.
        rt60: range of the seconds in which a room's echo falls by 60 dB.
        drr_db: range of the level of the direct sound above the echo.
        speed_share, noise_share, room_share: of the items, drawn independently.

    Raises:
        SecoustiError: a share outside 0 to 1, or a range that is none.
    """

    speed: tuple[float, ...] = (0.9, 1.1)
    speed_share: float = 0.0
    snr_db: tuple[float, ...] = (15.0, 35.0)
    noise_share: float = 0.0
    babble_share: float = 0.3
    rt60: tuple[float, ...] = (0.1, 0.4)
    drr_db: tuple[float, ...] = (3.0, 12.0)
    room_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("speed_share", "noise_share", "babble_share", "room_share"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise SecoustiError(f"augment.{name} must lie between 0 and 1, found {share:g}")
        for name, least in (
            ("speed", 0),
            ("snr_db", -math.inf),
            ("rt60", 0),
            ("drr_db", -math.inf),
        ):
            check_range(f"augment.{name}", getattr(self, name), least)


class Noise(NamedTuple):
    """``voices`` that talk in the background or, without any, noise of power ~ f^-``slope``."""

    snr_db: float
    voices: int
    slope: float
    rng: np.random.Generator


class Take(NamedTuple):
    """How an utterance is recorded; ``room`` is the impulse response, float32 [M]."""

    speed: float = 1.0
    room: np.ndarray | None = None
    noise: Noise | None = None

    def length(self, samples: int) -> int:
        """Samples that an utterance of ``samples`` has at this speed."""
        return math.ceil(samples / self.speed)


AS_IS = Take()


class Augment:
    """Draws takes, and reads a corpus as they sound; positions count samples of the take."""

    def __init__(self, config: AugmentConfig, corpus: Corpus) -> None:
        self.config, self.corpus = config, corpus
        self.ends = np.cumsum([row.length for row in corpus.rows])

    def draw(self, key: Sequence[int]) -> Take:
        """The take of the item whose random numbers have this key."""
        config = self.config
        speed, room, noise = (
            np.random.default_rng([*key, effect]) for effect in (_SPEED, _ROOM, _NOISE)
        )
        return Take(
            _between(speed, config.speed) if speed.random() < config.speed_share else 1.0,
            self._room(room) if room.random() < config.room_share else None,
            self._noise(noise) if noise.random() < config.noise_share else None,
        )

    def read(self, take: Take, utterance: int, start: int, length: int) -> np.ndarray:
        """float32 [length] of the utterance as the take sounds; a room rings on from before."""
        before = 0 if take.room is None else len(take.room) - 1
        sound = read_at_speed(self.corpus, utterance, start - before, length + before, take.speed)
        if take.room is not None:
            sound = reverberate(sound, take.room)
        if take.noise is not None:
            sound = add_noise(sound, self._background(take.noise, length), take.noise.snr_db)
        return sound

    def _room(self, rng: np.random.Generator) -> np.ndarray:
        rt60, drr_db = _between(rng, self.config.rt60), _between(rng, self.config.drr_db)
        return room_response(rng, rt60, drr_db, self.corpus.sample_rate)

    def _noise(self, rng: np.random.Generator) -> Noise:
        snr_db = _between(rng, self.config.snr_db)
        babble = rng.random() < self.config.babble_share
        voices = int(rng.integers(*_VOICES, endpoint=True)) if babble else 0
        return Noise(snr_db, voices, rng.uniform(0.0, 2.0), rng)

    def _background(self, noise: Noise, length: int) -> np.ndarray:
        if noise.voices:
            voices = [self._voice(noise.rng, length) for _ in range(noise.voices)]
            return np.asarray(np.sum(voices, axis=0, dtype=np.float32))
        return coloured_noise(noise.rng, length, noise.slope, self.corpus.sample_rate)

    def _voice(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """float32 [length] from a random moment of the corpus, at level 1; repeated if short."""
        moment = int(rng.integers(self.ends[-1]))
        index = int(np.searchsorted(self.ends, moment, side="right"))
        samples = self.corpus.rows[index].length
        start = max(min(moment - int(self.ends[index]) + samples, samples - length), 0)
        voice = self.corpus.crop(index, start, min(length, samples))
        return np.resize(voice / max(level(voice), _SILENCE), length)


def _between(rng: np.random.Generator, bounds: Sequence[float]) -> float:
    low, high = bounds
    return float(rng.uniform(low, high))


def level(audio: np.ndarray) -> float:
    """Root of the mean square."""
    return math.sqrt(float(np.mean(np.square(audio), dtype=np.float64)))


def read_at_speed(corpus: Corpus, index: int, start: int, length: int, speed: float) -> np.ndarray:
    """float32 [length] of an utterance played ``speed`` times as fast, from sample ``start`` on.

    Positions are samples of the faster utterance: ``length * speed`` samples are read.
    """
    if speed == 1.0:
        return corpus.crop(index, start, length)
    count = math.ceil(length * speed) + 1  # the resampler rounds its length to the nearest
    audio = corpus.crop(index, round(start * speed), count)
    rate = corpus.sample_rate
    return np.asarray(soxr.resample(audio, rate * speed, rate)[:length])


def room_response(
    rng: np.random.Generator, rt60: float, drr_db: float, sample_rate: int
) -> np.ndarray:
    """float32 [M]: direct sound, then noise that falls by 60 dB in ``rt60`` seconds.

    The direct sound is 1 at sample 0, so that onsets stay where the labels say; the energy of
    the rest is ``drr_db`` below it.
    """
    first = round(_FIRST_ECHO * sample_rate)
    time = np.arange(first, max(round(rt60 * sample_rate), first + 1)) / sample_rate
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60)
    echo *= 10 ** (-drr_db / 20) / np.sqrt(np.sum(np.square(echo)))
    return np.concatenate([[1.0], np.zeros(first - 1), echo]).astype(np.float32)


def reverberate(dry: np.ndarray, room: np.ndarray) -> np.ndarray:
    """float32 [N - M + 1]: ``dry`` [N] in ``room`` [M], as loud as it was.

    The first M - 1 samples of ``dry`` only ring on; they count for the level, so that a pause
    after speech is as quiet as the room makes it.
    """
    wet = require("scipy.signal", "train").fftconvolve(dry, room)[: len(dry)]
    gain = level(dry) / max(level(wet), _SILENCE)
    return np.asarray(wet[len(room) - 1 :] * np.float32(gain))


def coloured_noise(
    rng: np.random.Generator, length: int, slope: float, sample_rate: int
) -> np.ndarray:
    """float32 [length] of a power that falls as f^-``slope``: 0 white, 1 pink, 2 brown."""
    fft = require("scipy.fft", "train")
    size = fft.next_fast_len(max(length, 2), real=True)
    bins = size // 2 + 1
    frequency = np.arange(bins, dtype=np.float32) * np.float32(sample_rate / size)
    spectrum = rng.standard_normal(2 * bins, np.float32).view(np.complex64)
    spectrum *= np.maximum(frequency, np.float32(_FLAT_BELOW)) ** np.float32(-slope / 2)
    return np.asarray(fft.irfft(spectrum, size)[:length])


def add_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """``speech`` and ``noise``, float32 [N], with the noise ``snr_db`` below the speech."""
    gain = level(speech) / max(level(noise), _SILENCE) * 10 ** (-snr_db / 20)
    return np.asarray(speech + np.float32(gain) * noise)
