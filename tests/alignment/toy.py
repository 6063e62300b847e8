"""A language of five sounds that differ in spectrum, said with known times."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch

from secousti.audio.io import save_audio

RATE = 16000
BANDS = {
    "S": (4500, 7000),
    "AA1": (900, 1400),
    "M": (100, 250),
    "IY1": (2200, 3000),
    "UW1": (400, 600),
}
WORDS = {"sam": ["S", "AA1", "M"], "me": ["M", "IY1"], "sue": ["S", "UW1"], "ma": ["M", "AA1"]}


def sound(symbol: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise in the band of a symbol; faint noise for silence."""
    noise = rng.standard_normal(samples)
    if symbol == "sil":
        return 1e-3 * noise
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    low, high = BANDS[symbol]
    banded = np.fft.irfft(spectrum * ((hertz > low) & (hertz < high)), samples)
    return 0.2 * banded / np.abs(banded).max() + 1e-3 * noise


def say(words: list[str], seed: int) -> tuple[torch.Tensor, list[tuple[float, float, str]]]:
    """Audio ``[N]`` and the true intervals of its phonemes and silences."""
    rng = np.random.default_rng(seed)
    pieces: list[tuple[str, int]] = [("sil", int(rng.integers(2000, 5000)))]
    for word in words:
        pieces += [(symbol, int(rng.integers(900, 2400))) for symbol in WORDS[word]]
        if rng.random() < 0.3:
            pieces.append(("sil", int(rng.integers(1600, 4000))))
    pieces.append(("sil", int(rng.integers(2000, 5000))))
    wav = np.concatenate([sound(symbol, samples, rng) for symbol, samples in pieces])
    ends = np.cumsum([samples for _, samples in pieces]) / RATE
    starts = [0.0, *ends[:-1]]
    times = [(float(a), float(b), p[0]) for a, b, p in zip(starts, ends, pieces, strict=True)]
    return torch.from_numpy(wav.astype(np.float32)), times


def write_corpus(folder: Path, count: int, times: bool = False) -> Path:
    """A manifest of ``count`` utterances in the toy language, with the true times if asked."""
    rng = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for index in range(count):
        words = rng.choices(list(WORDS), k=rng.randint(2, 4))
        wav, phones = say(words, seed=index)
        save_audio(folder / f"{index:03}.wav", wav, RATE)
        row = {
            "audio": f"{index:03}.wav",
            "speaker": f"s{index % 3}",
            "language": "en",
            "duration": len(wav) / RATE,
            "text": " ".join(words),
            "pronunciation": " | ".join(" ".join(WORDS[word]) for word in words),
        }
        lines.append(json.dumps(row | ({"phones": phones} if times else {})))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "manifest.jsonl"
