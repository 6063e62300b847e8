"""Fig. 5: the same tokens in several voices, as spectrogram, F0 and energy, and to listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secousti.atomic import replacing, write_text
from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, read_utterance
from secousti.evaluation.codecs import Codec
from secousti.evaluation.datasets import Utterance, load_dataset
from secousti.evaluation.metrics.pitch import HOP, RATE, pitch_track
from secousti.evaluation.report.draw import COLOURS, new_figure, save, show_spectrogram, tidy
from secousti.evaluation.report.page import flac
from secousti.evaluation.report.table import Table, number
from secousti.evaluation.report.text import markdown_table
from secousti.evaluation.suite import Suite
from secousti.evaluation.worker import build_codec

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Voice:
    """A recording whose voice is wanted, and the source's tokens spoken in it."""

    utterance: Utterance
    own: Audio
    result: Audio


def energy(audio: Audio) -> NDArray[np.float64]:
    """Level in dB of full scale every 10 ms, over 25 ms."""
    samples = audio.at(RATE).astype(np.float64)
    power = np.convolve(samples**2, np.ones(400) / 400, mode="same")[::HOP]
    return 10 * np.log10(np.maximum(power, 1e-10))


def median_pitch(audio: Audio) -> float:
    """Median F0 in Hz of the voiced frames; not a number without any."""
    track = pitch_track(audio.at(RATE))
    return float(np.median(track[track > 0])) if (track > 0).any() else float("nan")


def run_voices(suite: Suite, out: Path, *, device: str) -> list[Path]:
    """Draw the picture, write the sounds and a table; one set for every codec that converts.

    Raises:
        SecoustiError: no codec here can convert, or there is only one speaker.
    """
    utterances = load_dataset(suite.data)
    source, voices = choose_voices(utterances, suite.voices)
    written: list[Path] = []
    reasons = []
    for spec in suite.codecs:
        codec = build_codec(spec, device)
        if not hasattr(codec, "convert") or codec.name == "reference":
            continue
        try:
            codec.check()
        except SecoustiError as reason:
            reasons.append(f"{codec.name}: {reason}")
            continue
        written += _one_codec(suite, codec, source, voices, out)
    if not written:
        raise SecoustiError("no codec can speak in other voices; " + "; ".join(reasons))
    return written


def choose_voices(utterances: list[Utterance], count: int) -> tuple[Utterance, list[Utterance]]:
    """A source, and one recording of each of ``count`` other speakers, spread over the list.

    Raises:
        SecoustiError: fewer than two speakers.
    """
    firsts = list({u.speaker: u for u in reversed(utterances)}.values())[::-1]
    if len(firsts) < 2:
        raise SecoustiError("several voices need recordings of at least two speakers")
    others = firsts[1:]
    step = max(1, len(others) // count)
    return firsts[0], others[::step][:count]


def _one_codec(
    suite: Suite, codec: Codec, source: Utterance, chosen: list[Utterance], out: Path
) -> list[Path]:
    spoken = read_utterance(source)
    voices = []
    for utterance in chosen:
        own = read_utterance(utterance)
        converted: Any = codec.convert(spoken, own)  # type: ignore[attr-defined]
        voices.append(Voice(utterance, own, converted.audio))
    picture = draw_voices(voices, out / f"voices-{codec.name}.png")
    sounds = [
        _write_sound(v, out / f"voices-{codec.name}-{k + 1}.flac") for k, v in enumerate(voices)
    ]
    text = f"# {suite.title}\n\nTokens of `{source.id}` by {codec.info().label}.\n\n"
    text += markdown_table(voice_table(voices)) + f"\n\n![voices]({picture.name})\n"
    report = out / f"voices-{codec.name}.md"

    write_text(report, text)
    return [report, picture, *sounds]


def _write_sound(voice: Voice, path: Path) -> Path:
    with replacing(path) as name:
        name.write_bytes(flac(voice.result))
    return path


def voice_table(voices: list[Voice]) -> Table:
    """Median pitch and mean level of each voice and of what was spoken in it."""
    headings = ["voice", "its F0 (Hz)", "F0 of the result (Hz)", "its level (dB)", "of the result"]
    rows = [
        [
            voice.utterance.speaker,
            number(median_pitch(voice.own)),
            number(median_pitch(voice.result)),
            number(float(energy(voice.own).mean())),
            number(float(energy(voice.result).mean())),
        ]
        for voice in voices
    ]
    return Table("Voices", headings, rows, [False] * len(rows))


def draw_voices(voices: list[Voice], path: Path) -> Path:
    """Top: the source's tokens in each voice; bottom: the recording that lent the voice."""
    figure = new_figure(2.9 * len(voices) + 0.6, 7.2)
    plots = figure.subplots(6, len(voices), squeeze=False, height_ratios=[2, 1, 1] * 2)
    highest = max(pitch_track(a.at(RATE)).max() for v in voices for a in (v.own, v.result))
    for column, voice in enumerate(voices):
        for row, audio in ((0, voice.result), (3, voice.own)):
            show_spectrogram(plots[row, column], audio)
            _curve(plots[row + 1, column], pitch_track(audio.at(RATE)), COLOURS[0])
            plots[row + 1, column].set_ylim(50, max(100.0, 1.1 * highest))
            _curve(plots[row + 2, column], energy(audio), COLOURS[1])
            plots[row + 2, column].set_ylim(-80, 0)
        plots[0, column].set_title(f"in the voice of {voice.utterance.speaker}", fontsize=9)
        plots[3, column].set_title(f"{voice.utterance.speaker}, recorded", fontsize=9)
    for row, label in enumerate(["kHz", "F0 (Hz)", "dB"] * 2):
        plots[row, 0].set_ylabel(label, fontsize=8)
    return save(figure, path)


def _curve(axes: Axes, values: NDArray[np.float64], ink: str) -> None:
    shown = np.where(values == 0, np.nan, values)
    axes.plot(np.arange(len(shown)) * HOP / RATE, shown, color=ink, linewidth=1.2)
    axes.set_xlim(0, len(shown) * HOP / RATE)
    axes.tick_params(labelsize=7)
    tidy(axes)
