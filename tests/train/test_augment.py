"""Augmentation is what it says: speed, noise and rooms as asked, drawn by seed and position."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from secousti.config import from_dict
from secousti.errors import SecoustiError
from secousti.text.inventory import symbols_of
from tests.train.corpus import PHONES, RATE, toy_document, write_config, write_corpus
from train.codec.batches import Batch, CropDataset
from train.codec.config import load
from train.codec.setup import validation_batches
from train.data import augment
from train.data.alignment import Alignments
from train.data.augment import Augment, AugmentConfig, Take
from train.data.packed import PackedAudio, Utterance
from train.vocoder.crops import VocoderCrops

HOP, FRAME = 256, 1024
EVERYTHING = AugmentConfig(speed_share=0.7, noise_share=0.7, room_share=0.7)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return load(write_config(folder, toy_document(folder, write_corpus(folder))))


@pytest.fixture(scope="module")
def setup(config):
    data = config.training.data
    corpus = PackedAudio(data.train, data.root, RATE, data.cache)
    return corpus, Alignments(data.root, data.alignments, RATE, HOP), data


def dataset(setup, augment=EVERYTHING, rank=0, world_size=1, seed=0, **changes):
    corpus, alignments, config = setup
    config = replace(config, **{"augment": augment, "gain_db": 0.0} | changes)
    return CropDataset(corpus, alignments, config, HOP, FRAME, seed, rank, world_size)


def equal(a: Batch, b: Batch) -> bool:
    names = ("audio", "lengths", "window", "window_lengths", "phonemes")
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in names)


@dataclass
class Made:
    """A corpus made of one function of time (s) and the utterance's number."""

    signal: object
    samples: int = 3 * RATE
    count: int = 4
    sample_rate: int = RATE

    def __post_init__(self):
        fields = ("corpus", "en", None, None, None)
        self.rows = [
            Utterance(f"{n}.wav", f"s{n // 2}", *fields, n * self.samples, self.samples)
            for n in range(self.count)
        ]

    def crop(self, index, start=0, length=None):
        length = self.samples - start if length is None else length
        at = np.arange(start, start + length)
        inside = (at >= 0) & (at < self.samples)
        return (self.signal(at / RATE, index) * inside).astype(np.float32)


def tone(time, index):
    return 0.1 * np.sin(2 * np.pi * 440 * time)


def pitch(audio) -> float:
    """Frequency of a tone, Hz, to about 0.2 %."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 17))
    return float(np.argmax(power)) * RATE / (1 << 17)


# --- batches


def test_off_is_the_recording_itself(setup):
    data = dataset(setup, AugmentConfig(), gain_db=6.0)
    for position in range(4):
        batch = data[position]
        for b, (index, key) in enumerate(data.drawer.draws(position)):
            item = data._place(index, np.random.default_rng(key))
            plain = torch.from_numpy(data.corpus.crop(index, item.start, item.length))
            assert torch.equal(batch.audio[b, : item.length], plain * item.gain)
            window = item.window_utterance, item.window_start, item.window_length
            plain = torch.from_numpy(data.corpus.crop(*window))
            assert torch.equal(batch.window[b, : item.window_length], plain * item.gain)


def test_batches_are_a_function_of_seed_and_position(setup):
    forwards = [dataset(setup)[n] for n in range(6)]
    data = dataset(setup)
    backwards = [data[n] for n in reversed(range(6))][::-1]
    assert all(equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not equal(forwards[0], dataset(setup, seed=1)[0])
    assert not equal(forwards[0], dataset(setup, AugmentConfig())[0])


def test_processes_share_one_global_batch(setup):
    whole = dataset(setup, batch_size=6)[2]
    for rank in range(3):
        part = dataset(setup, rank=rank, world_size=3, batch_size=2)[2]
        rows = whole.audio[2 * rank : 2 * rank + 2, : part.audio.shape[1]]
        assert torch.equal(part.audio, rows)


def test_effects_do_not_move_each_other(setup):
    """Each has its own random numbers: with one more effect the others stay."""
    speed = AugmentConfig(speed_share=0.5)
    key = [0, 0, 3]
    takes = [Augment(c, setup[0]).draw(key) for c in (speed, replace(speed, room_share=1.0))]
    assert takes[0].speed == takes[1].speed
    assert takes[0].room is None
    assert takes[1].room is not None


def test_shares_and_ranges_are_kept():
    config = AugmentConfig(speed_share=0.5, noise_share=0.3, babble_share=0.5, room_share=0.2)
    source = Augment(config, Made(tone))
    takes = [source.draw([0, 0, n]) for n in range(1000)]
    assert sum(t.speed != 1 for t in takes) == pytest.approx(500, abs=60)
    assert sum(t.room is not None for t in takes) == pytest.approx(200, abs=50)
    noises = [t.noise for t in takes if t.noise is not None]
    assert len(noises) == pytest.approx(300, abs=50)
    assert sum(n.voices > 0 for n in noises) == pytest.approx(150, abs=45)
    assert all(0.9 <= t.speed <= 1.1 for t in takes)
    assert all(15 <= n.snr_db <= 35 for n in noises)
    assert max(len(t.room) for t in takes if t.room is not None) <= 0.4 * RATE


def test_validation_hears_recordings_as_they_are(config):
    data = replace(config.training.data, augment=EVERYTHING)
    changed = replace(config, training=replace(config.training, data=data))
    pairs = zip(validation_batches(config), validation_batches(changed), strict=True)
    assert all(equal(a, b) for a, b in pairs)


# --- speed


@pytest.mark.parametrize("speed", [0.8, 0.937, 1.0, 1.1, 1.25])
def test_speed_moves_tempo_and_pitch_and_keeps_lengths(speed):
    corpus = Made(tone)
    whole = Take(speed).length(corpus.samples)
    assert whole == math.ceil(corpus.samples / speed)
    source = Augment(AugmentConfig(), corpus)
    for start, length in ((0, whole), (1000, 1), (1001, 7777), (whole - 500, 500)):
        audio = source.read(Take(speed), 0, start, length)
        assert audio.shape == (length,)
        assert audio.dtype == np.float32
    assert pitch(source.read(Take(speed), 0, 5000, 20000)) == pytest.approx(440 * speed, rel=2e-3)


def test_a_sound_comes_as_much_earlier_as_the_speech_is_faster():
    click = Made(lambda time, index: np.exp(-(((time - 2.0) * 2000) ** 2)))
    sound = augment.read_at_speed(click, 0, 10_000, 40_000, 1.1)
    assert np.argmax(sound) == pytest.approx(2.0 * RATE / 1.1 - 10_000, abs=1)


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_labels_follow_the_speed(setup, speed):
    """The pitch of the toy corpus is its phoneme's; crops begin anywhere."""
    fast = AugmentConfig(speed=(speed, speed), speed_share=1.0)
    data = dataset(setup, fast, crop_seconds=0.8, batch_size=8)
    checked = 0
    for position in range(8):
        batch = data[position]
        for b, name in enumerate(batch.names):
            voice = (100 + 40 * (int(name[1:3]) % 4)) * speed
            ids = batch.phonemes[b, : batch.lengths[b] // HOP]
            if (ids < 0).any():  # written without an alignment
                continue
            symbols = symbols_of(ids.tolist())
            for t in range(4, len(symbols) - 4):
                # 8 frames of one label, seen through one hop more on either side of the middle
                if len({*symbols[t - 4 : t + 4]}) == 1 and symbols[t] in PHONES[:4]:
                    sound = batch.audio[b, (t - 3) * HOP : (t + 3) * HOP].numpy()
                    wanted = voice * (1 + PHONES.index(symbols[t]))
                    assert pitch(sound) == pytest.approx(wanted, rel=0.04)
                    checked += 1
    assert checked > 100


def test_the_window_has_the_voice_of_the_crop(setup):
    quick = AugmentConfig(speed=(0.8, 1.25), speed_share=1.0)
    data = dataset((Made(tone), *setup[1:]), quick)
    pitches = []
    for position in range(4):
        batch = data[position]
        pairs = zip(batch.audio, batch.lengths, batch.window, batch.window_lengths, strict=True)
        for audio, length, window, window_length in pairs:
            found = pitch(audio[:length].numpy())
            assert pitch(window[:window_length].numpy()) == pytest.approx(found, rel=5e-3)
            pitches.append(found)
    assert max(pitches) / min(pitches) > 1.2


def test_crops_of_the_vocoder_are_played_faster_too():
    plain, fast = (
        VocoderCrops(Made(tone), 4, 8000, 0.0, 0, speed)[7].audio
        for speed in ((1.0, 1.0), (1.2, 1.25))
    )
    assert fast.shape == plain.shape == (4, 8000)
    assert all(pitch(crop.numpy()) == pytest.approx(440, rel=2e-3) for crop in plain)
    assert all(440 * 1.19 < pitch(crop.numpy()) < 440 * 1.26 for crop in fast)


# --- noise


@pytest.mark.parametrize("babble", [0.0, 1.0])
def test_noise_is_as_loud_as_asked(setup, babble):
    noisy = AugmentConfig(noise_share=1.0, babble_share=babble, snr_db=(20.0, 20.0))
    clean, noised = dataset(setup, AugmentConfig())[1], dataset(setup, noisy)[1]
    for name, lengths in (("audio", clean.lengths), ("window", clean.window_lengths)):
        for before, after, n in zip(
            getattr(clean, name), getattr(noised, name), lengths, strict=True
        ):
            noise = after[:n] - before[:n]
            snr = 10 * torch.log10(before[:n].square().mean() / noise.square().mean())
            assert snr.item() == pytest.approx(20, abs=0.05)
            assert after[n:].abs().sum() == 0
    assert torch.equal(clean.phonemes, noised.phonemes)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("length", [65536, 66150, 65521])
def test_the_slope_of_coloured_noise(slope, length):
    noise = augment.coloured_noise(np.random.default_rng(0), length, slope, RATE)
    assert noise.shape == (length,)
    assert noise.dtype == np.float32
    power = np.square(np.abs(np.fft.rfft(noise * np.hanning(length))))
    octaves = 100 * 2.0 ** np.arange(7)
    bands = (np.fft.rfftfreq(length, 1 / RATE)[None] >= octaves[:-1, None]) & (
        np.fft.rfftfreq(length, 1 / RATE)[None] < octaves[1:, None]
    )
    density = [power[band].mean() for band in bands]
    found = np.polyfit(np.log2(octaves[:-1]), np.log2(density), 1)[0]
    assert -found == pytest.approx(slope, abs=0.1)


def test_babble_is_several_moments_of_the_corpus():
    chirps = Made(lambda time, index: 0.1 * np.sin(2 * np.pi * (300 + 200 * index) * time))
    source = Augment(AugmentConfig(), chirps)
    noise = augment.Noise(20.0, 7, 0.0, np.random.default_rng(0))
    found = source._background(noise, 2 * RATE)
    power = np.abs(np.fft.rfft(found)) ** 2
    voices = [power[2 * f - 4 : 2 * f + 5].sum() for f in (300, 500, 700, 900)]
    assert sum(voices) > 0.99 * power.sum()
    assert sum(v > 0.01 * power.sum() for v in voices) >= 3


def test_short_voices_are_repeated():
    source = Augment(AugmentConfig(), Made(tone, samples=3000))
    voice = source._voice(np.random.default_rng(0), 10_000)
    assert augment.level(voice[9000:]) == pytest.approx(1, abs=0.05)


def test_noise_leaves_silence_silent():
    silent = np.zeros(1000, np.float32)
    noise = np.ones(1000, np.float32)
    assert not augment.add_noise(silent, noise, 20.0).any()
    assert np.isfinite(augment.add_noise(noise, silent, 20.0)).all()


# --- rooms


@pytest.mark.parametrize("rt60", [0.1, 0.4])
def test_a_room_falls_by_60_db_in_its_time(rt60):
    room = augment.room_response(np.random.default_rng(0), rt60, 6.0, RATE)
    assert room[0] == 1.0
    assert not room[1 : round(0.003 * RATE)].any()
    echo = np.square(room[1:].astype(np.float64))
    assert -10 * math.log10(echo.sum()) == pytest.approx(6.0, abs=0.01)
    left = 10 * np.log10(np.cumsum(echo[::-1])[::-1] / echo.sum())
    first, last = np.searchsorted(-left, [5, 25])
    assert 3 * (last - first) / RATE == pytest.approx(rt60, rel=0.15)


def test_a_room_keeps_level_and_onset():
    rng = np.random.default_rng(0)
    room = augment.room_response(rng, 0.3, 3.0, RATE)
    dry = np.zeros(len(room) - 1 + RATE, np.float32)
    onset = len(room) - 1 + 5000
    dry[onset:] = 0.1 * rng.standard_normal(len(dry) - onset)
    wet = augment.reverberate(dry, room)
    assert wet.shape == (RATE,)
    assert wet.dtype == np.float32
    assert augment.level(wet) == pytest.approx(augment.level(dry[len(room) - 1 :]), rel=1e-4)
    assert np.abs(wet[:5000]).max() < 1e-6
    assert np.abs(wet[5000:5050]).max() > 0.01
    assert not augment.reverberate(np.zeros_like(dry), room).any()


@pytest.mark.parametrize("speed", [1.0, 1.1])
def test_a_room_rings_on_from_before_the_crop(speed):
    hiss = np.random.default_rng(0).standard_normal(3 * RATE)
    corpus = Made(lambda t, _: 0.1 * (t < 1) * hiss[np.round(t * RATE).astype(int) % len(hiss)])
    room = augment.room_response(np.random.default_rng(0), 0.3, 3.0, RATE)
    source = Augment(AugmentConfig(), corpus)
    end = round(RATE / speed) + 10
    tail = source.read(Take(speed, room), 0, end, RATE)
    tenths = [augment.level(part) for part in np.split(tail[: RATE // 10 * 3], 3)]
    assert 0.1 > tenths[0] > 5 * tenths[1] > 25 * tenths[2]
    assert augment.level(tail[round(0.31 * RATE) :]) < 1e-5


def test_crop_and_window_are_in_one_room(setup):
    take = Augment(replace(EVERYTHING, room_share=1.0), setup[0]).draw([0, 0, 1])
    item = dataset(setup)._place(1, np.random.default_rng(0), take)
    assert item.take.room is take.room is not None


def test_everything_at_once_keeps_lengths(setup):
    data = dataset(setup, replace(EVERYTHING, speed_share=1, noise_share=1, room_share=1))
    for position in range(6):
        batch = data[position]
        assert batch.audio.shape[1] % FRAME == 0
        assert batch.audio.shape[1] <= data.crop_samples
        assert batch.phonemes.shape[1] == batch.audio.shape[1] // HOP
        assert torch.isfinite(batch.audio).all()
        assert torch.isfinite(batch.window).all()
        for row, length in zip(batch.audio, batch.lengths, strict=True):
            assert row[length:].abs().sum() == 0
            assert row[length - 16 : length].abs().sum() > 0


# --- files


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"speed_share": 1.5}, "speed_share must lie between 0 and 1"),
        ({"speed": [1.1, 0.9]}, r"speed must be a range \[low, high\] above 0"),
        ({"speed": [0.0, 1.0]}, "above 0"),
        ({"snr_db": [20]}, "snr_db must be a range"),
        ({"rt60": [-0.1, 0.2]}, "rt60"),
        ({"snr": [1, 2]}, "unknown key 'snr'"),
    ],
)
def test_faulty_values_are_named(given, message):
    with pytest.raises(SecoustiError, match=message):
        from_dict(AugmentConfig, given)
