"""How far aligners are from the truth, and from each other.

``python -m benchmarks.alignment synthetic -o FOLDER`` speaks the sentences of
``alignment_sentences.txt`` with espeak-ng (phoneme events of libespeak-ng) and flite
(``-psdur``), whose times are exact, and aligns them with every source side by side.
``python -m benchmarks.alignment agreement MANIFEST`` compares two sources on real speech.
``python -m benchmarks.alignment confidence MANIFEST`` tells right from half wrong transcripts.
Intervals are 95 % bootstrap intervals over utterances.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from data_prep.alignment.base import Aligner, Utterance, Word
from data_prep.alignment.calibration import fit_logistic, half_wrong
from data_prep.alignment.sources import open_source
from data_prep.manifest import Row, read_manifest
from secousti.audio.io import load_audio
from secousti.errors import SecoustiError

HERE = Path(__file__).parent
VOICES = {
    "en": (
        *("espeak:en-us", "espeak:en-us+f3", "espeak:gmw/en"),
        *("flite:slt", "flite:rms", "flite:awb", "flite:kal16"),
    ),
    "zh": ("espeak:cmn-latn-pinyin", "espeak:cmn-latn-pinyin+f3"),
}
Times = list[tuple[float, float]]  # start and end of every word, seconds
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Spoken:
    """A synthetic utterance whose word times are known."""

    voice: str
    language: str
    text: str
    audio: Path
    words: tuple[tuple[float, float], ...]


@app.command()
def synthetic(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder of the audio")],
    sources: Annotated[str, typer.Option(help="comma-separated")] = "builtin,pocketsphinx,combined",
    model: Annotated[Path | None, typer.Option(help="folder of a built-in model")] = None,
    every: Annotated[int, typer.Option(min=1, help="use every n-th utterance only")] = 1,
) -> None:
    """Word-boundary errors on synthetic speech, a table by engine."""
    utterances = speak_all(output)[::every]
    for language in VOICES:
        spoken = [u for u in utterances if u.language == language]
        errors = {}
        for name in sources.split(","):
            if language == "en" or name not in ("pocketsphinx", "combined"):
                aligner = open_source(name, model=model)
                errors[name] = {u: word_errors(aligner, u) for u in spoken}
        print_errors(language, errors)


@app.command()
def agreement(
    manifest: Path,
    sources: Annotated[str, typer.Option(help="two, comma-separated")] = "builtin,pocketsphinx",
    model: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Distance of the word boundaries of two sources on the English rows of a manifest."""
    first, second = (open_source(name, model=model) for name in sources.split(","))
    distances, failed = [], 0
    for row in _english(manifest):
        utterance = Utterance(row, manifest.resolve().parent)
        try:
            a, b = first.align(utterance), second.align(utterance)
        except SecoustiError:
            failed += 1
            continue
        times = [np.array([word[:2] for word in found.words]) for found in (a, b)]
        distances.append((times[0] - times[1]).ravel() * 1000)
    title = f"{sources}: distance on {len(distances)} real utterances ({failed} failed)"
    table = _table(title, "boundaries")
    table.add_row("words", *_figures(distances))
    Console().print(table)


@app.command()
def confidence(
    manifest: Path,
    source: Annotated[str, typer.Option()] = "builtin",
    model: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """How well confidence tells right transcripts from half wrong ones (every second word)."""
    aligner, rng = open_source(source, model=model), random.Random(0)
    root = manifest.resolve().parent
    utterances = [Utterance(row, root) for row in read_manifest(manifest) if _has_words(row)]
    pools: dict[str, list[Word]] = defaultdict(list)
    for utterance in utterances:
        pools[utterance.row.language] += utterance.words
    right: list[float] = []
    wrong: list[float] = []
    for u in utterances:
        other = half_wrong(u.words, pools[u.row.language], rng)
        changed = Utterance(u.row, root, u.audio, other)
        for candidate, found in ((u, right), (changed, wrong)):
            try:
                found.append(aligner.align(candidate).confidence or 0.0)
            except SecoustiError:
                found.append(0.0)
    r, w = np.array(right), np.array(wrong)
    area = np.mean((r[:, None] > w) + 0.5 * (r[:, None] == w))
    print(f"{source}: {len(r)} utterances, area under the curve {area:.4f}")
    print("confidence  right kept  wrong kept")
    for limit in (0.2, 0.5, 0.8, 0.9):
        print(f"   >= {limit:.1f}    {np.mean(r >= limit):8.1%}  {np.mean(w >= limit):9.1%}")
    logits = [np.log(np.clip(x, 1e-9, 1 - 1e-9) / np.clip(1 - x, 1e-9, 1)) for x in (r, w)]
    scale, offset = fit_logistic(*logits)
    print(f"recalibration of the logit (1, 0 is perfect): {scale:.3f}, {offset:.3f}")


def speak_all(folder: Path) -> list[Spoken]:
    """Every sentence by every voice of its language; audio already there is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (HERE / "alignment_sentences.txt").read_text(encoding="utf-8").splitlines()
    utterances, left_out = [], 0
    for language, text in (line.split("\t") for line in lines):
        for voice in VOICES[language]:
            name = hashlib.sha256(f"{voice} {text}".encode()).hexdigest()[:16]
            path = folder / f"{name}.wav"
            if not path.with_suffix(".json").exists():
                engine, _, variant = voice.partition(":")
                times = {"espeak": _espeak, "flite": _flite}[engine](variant, text, path)
                path.with_suffix(".json").write_text(json.dumps(times))
            times = json.loads(path.with_suffix(".json").read_text())
            left_out += times is None
            if times is not None:
                utterances.append(Spoken(voice, language, text, path, tuple(map(tuple, times))))
    print(f"{len(utterances)} utterances; {left_out} left out (the engine joined words)")
    return utterances


def word_errors(aligner: Aligner, spoken: Spoken) -> np.ndarray | None:
    """Found minus true start and end of every word, in ms; None where alignment failed."""
    wav, rate = load_audio(spoken.audio)
    try:
        found = aligner.align(Utterance.of(wav, rate, spoken.text, language=spoken.language))
    except SecoustiError:
        return None
    times = np.array([word[:2] for word in found.words])
    return (times - np.array(spoken.words)).ravel() * 1000


def print_errors(language: str, errors: dict[str, dict[Spoken, np.ndarray | None]]) -> None:
    """One row for every source and engine."""
    table = _table(f"word boundaries against exact times ({language}), ms", "source", "speech")
    engines = sorted({spoken.voice for found in errors.values() for spoken in found})
    groups = [(voice, [voice]) for voice in engines]
    for engine in sorted({voice.split(":")[0] for voice in engines}):
        groups.append((f"all {engine}", [v for v in engines if v.startswith(engine)]))
    for name, voices in groups:
        for source, found in errors.items():
            picked = [e for spoken, e in found.items() if spoken.voice in voices]
            done = [e for e in picked if e is not None]
            failed = len(picked) - len(done)
            table.add_row(source, name + (f" ({failed} failed)" if failed else ""), *_figures(done))
    Console(width=140).print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for name in (*columns, "median", "<= 20 ms", "<= 50 ms", "mean", "n"):
        table.add_column(name)
    return table


def _figures(errors: Sequence[np.ndarray]) -> list[str]:
    """Median distance, shares within 20 and 50 ms with intervals, and the mean (its sign)."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(errors), size=(500, len(errors)))
    samples = [np.abs(np.concatenate([errors[i] for i in draw])) for draw in draws]
    values = np.concatenate(errors)
    out = []
    for measure, unit in (
        (np.median, ""),
        (lambda e: 100 * np.mean(e <= 20), "%"),
        (lambda e: 100 * np.mean(e <= 50), "%"),
    ):
        low, high = np.percentile([measure(s) for s in samples], [2.5, 97.5])
        out.append(f"{measure(np.abs(values)):.1f}{unit} [{low:.1f}, {high:.1f}]")
    return [*out, f"{values.mean():+.1f}", str(len(values))]


def _espeak(voice: str, text: str, path: Path) -> Times | None:
    """Words begin at libespeak-ng's word events and end at the next word or pause."""
    given = _pinyin(text) if voice.startswith("cmn") else text
    command = [sys.executable, str(HERE / "espeak_events.py"), voice, given, str(path)]
    result = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    rate, words, start = result["sample_rate"], [], None
    for sample, kind, name in [*result["events"], (result["samples"], "phoneme", "_:")]:
        if start is not None and (kind == "word" or name == "_:"):
            words.append((start / rate, sample / rate))
            start = None
        if kind == "word":
            start = sample
    expected = len(given.replace(",", " ").split())
    return words if len(words) == expected and all(b > a for a, b in words) else None


def _flite(voice: str, text: str, path: Path) -> Times | None:
    """Phoneme ends of ``-psdur``; a word has as many phonemes as when it is said alone."""
    spoken = _flite_segments(voice, text, path)
    counts = [
        len(
            [s for s in _flite_segments(voice, word.strip(",.?"), path.with_suffix(".one")) if s[2]]
        )
        for word in text.split()
    ]
    _flite_segments(voice, text, path)
    path.with_suffix(".one").unlink()
    phones = [segment for segment in spoken if segment[2]]
    if sum(counts) != len(phones):
        return None
    words, first = [], 0
    for count in counts:
        words.append((phones[first][0], phones[first + count - 1][1]))
        first += count
    return words


def _flite_segments(voice: str, text: str, path: Path) -> list[tuple[float, float, bool]]:
    """Start, end and whether it is a sound, of every segment."""
    command = ["flite", "-voice", voice, "-t", text, "-o", str(path), "-psdur"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    segments, start = [], 0.0
    for item in printed.split():
        name, _, end = item.partition(":")
        segments.append((start, float(end), name != "pau"))
        start = float(end)
    return segments


def _pinyin(text: str) -> str:
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)
    return " ".join(syllables).replace(" ，", ",")


def _english(manifest: Path) -> list[Row]:
    return [row for row in read_manifest(manifest) if row.language == "en" and _has_words(row)]


def _has_words(row: Row) -> bool:
    return bool(row.pronunciation or row.text)


if __name__ == "__main__":
    app()
