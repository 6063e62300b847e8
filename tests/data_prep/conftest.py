"""Miniature corpora in the layouts of the real ones, and the development speech where it exists."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from data_prep.__main__ import main

RATE = 24000


def tone(seconds: float = 0.5, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """A quiet noisy tone, different for every seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 100 + 10 * (seed % 20)
    return (0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * rng.standard_normal(len(time))).astype(
        np.float32
    )


def write_audio(path: Path, seconds: float = 0.5, seed: int = 0, rate: int = RATE) -> Path:
    """Write a tone; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, seed, rate), rate)
    return path


def write_text(path: Path, text: str | bytes) -> Path:
    """Write a text file; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON Lines; returns the path."""
    return write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def make_libritts(root: Path) -> Path:
    for speaker in ("84", "121"):
        for index in range(2):
            stem = f"{speaker}_550_00000{index}_000000"
            folder = root / "LibriTTS" / "train-clean-100" / speaker / "550"
            write_audio(folder / f"{stem}.wav", seed=int(speaker) + index)
            write_text(folder / f"{stem}.normalized.txt", f"Mister Smith has {index} dogs.")
            write_text(folder / f"{stem}.original.txt", f"Mr. Smith has {index} dogs.")
            write_text(folder / f"._{stem}.wav", b"leftover")
    return root / "LibriTTS"


def make_librispeech(root: Path) -> Path:
    for speaker in ("84", "174"):
        folder = root / "LibriSpeech" / "dev-clean-2" / speaker / "121123"
        names = [f"{speaker}-121123-000{index}" for index in range(2)]
        for index, name in enumerate(names):
            write_audio(folder / f"{name}.flac", seed=int(speaker) + index)
        lines = [f"{name} MISTER SMITH HAS {index} DOGS" for index, name in enumerate(names)]
        write_text(folder / f"{speaker}-121123.trans.txt", "\n".join(lines) + "\n")
    return root / "LibriSpeech"


def make_aishell3(root: Path) -> Path:
    for part, speakers in (("train", ("SSB0005", "SSB0009")), ("test", ("SSB0011",))):
        lines = []
        for speaker in speakers:
            for index in range(2):
                name = f"{speaker}000{index}.wav"
                write_audio(root / "AISHELL-3" / part / "wav" / speaker / name, seed=index)
                lines.append(f"{name}\t广 guang3 州 zhou1 女 nv3\n")
        write_text(root / "AISHELL-3" / part / "content.txt", "".join(lines))
    return root / "AISHELL-3"


def make_vctk(root: Path) -> Path:
    corpus = root / "VCTK-Corpus-0.92"
    for speaker, microphones in (("p225", (1, 2)), ("p280", (1,)), ("p315", (1, 2))):
        for microphone in microphones:
            name = f"{speaker}_001_mic{microphone}.flac"
            write_audio(corpus / "wav48_silence_trimmed" / speaker / name, seed=microphone)
        if speaker != "p315":
            write_text(corpus / "txt" / speaker / f"{speaker}_001.txt", "Please call Stella.\n")
    return corpus


def make_ljspeech(root: Path) -> Path:
    corpus = root / "LJSpeech-1.1"
    for index in range(3):
        write_audio(corpus / "wavs" / f"LJ001-000{index}.wav", seed=index)
    lines = [f"LJ001-000{i}|Chapter {i}.|Chapter number {i}." for i in range(3)]
    write_text(corpus / "metadata.csv", "\n".join(lines) + "\n")
    return corpus


def make_folder(root: Path) -> Path:
    corpus = root / "mine"
    for speaker, text in (("ann", "Hello there."), ("bo", "你好世界。")):
        for index in range(2):
            path = write_audio(corpus / speaker / f"{index}.wav", seed=index)
            write_text(path.with_suffix(".txt"), text)
    return corpus


CORPORA: dict[str, Callable[[Path], Path]] = {
    "libritts": make_libritts,
    "librispeech": make_librispeech,
    "aishell3": make_aishell3,
    "vctk": make_vctk,
    "ljspeech": make_ljspeech,
    "folder": make_folder,
}


def make_manifest(root: Path, speakers: int = 10, each: int = 4) -> Path:
    """A manifest of ``speakers * each`` utterances with text and an alignment."""
    rows = []
    for index in range(speakers * each):
        seconds = 0.4 + 0.02 * index
        audio = write_audio(root / "audio" / f"{index:03d}.wav", seconds, seed=index)
        rows.append(
            {
                "audio": audio.relative_to(root).as_posix(),
                "speaker": f"s{index // each}",
                "language": "en",
                "duration": seconds,
                "text": "Hello.",
                "phones": [[0.0, 0.1, "sil"], [0.1, 0.3, "HH"], [0.3, seconds, "OW1"]],
                "corpus": "tones",
            }
        )
    return write_rows(root / "all.jsonl", rows)


def run_command(*arguments: str | Path) -> int:
    """Exit status of ``python -m data_prep ...``, run in this process."""
    try:
        return main([*map(str, arguments)])
    except SystemExit as exit_:
        return int(exit_.code or 0)


def prepare(*arguments: str | Path) -> int:
    """Exit status of ``prepare`` with one worker."""
    return run_command("prepare", *arguments, "--workers", "1")


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of the development corpus; tests that need it are skipped without it."""
    default = Path(__file__).parents[3] / "shared" / "speech"
    folder = Path(os.environ.get("SECOUSTI_SPEECH", default))
    if not (folder / "train.jsonl").is_file():
        pytest.skip("the development speech is not here; set SECOUSTI_SPEECH")
    return folder
