"""Recordings to evaluate on: a folder, a manifest, tests of LibriTTS, AISHELL-3 and VCTK."""

from __future__ import annotations

import os
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from secousti.audio.io import AUDIO_SUFFIXES, WHOLE
from secousti.errors import SecoustiError, note
from secousti.manifest import Entry, Piece, read_manifest
from secousti.paths import readable, walk_files

Kind = Literal["auto", "folder", "manifest", "libritts", "aishell3", "vctk"]

VCTK_TEST = ("p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5")
_VCTK_FOLDERS = ("wav48_silence_trimmed", "wav48")


@dataclass(frozen=True)
class Utterance:
    """One recording. ``phones`` are (start s, end s, label) where an alignment is known."""

    id: str
    path: Path
    speaker: str
    language: str = "en"
    text: str | None = None
    emotion: str | None = None
    phones: tuple[tuple[float, float, str], ...] = ()
    corpus: str = ""
    piece: Piece = WHOLE


@dataclass(frozen=True)
class DataConfig:
    """Which recordings a suite runs on.

    Attributes:
        path: folder or manifest; ``$NAME`` stands for an environment variable.
        kind: what lies there; ``auto`` looks.
        limit: how many utterances, spread evenly; all if not given.
        spread: over what: the speakers, or the corpora and then each corpus's speakers.
        seed: of that choice.
        language: of recordings whose language is not written down.
        keep: use only rows of a manifest that agree, e.g. ``{language: en}``.
    """

    path: str = ""
    kind: Kind = "auto"
    limit: int | None = None
    spread: Literal["speaker", "corpus"] = "speaker"
    seed: int = 0
    language: str = "en"
    keep: dict[str, Any] = field(default_factory=dict)


def load_dataset(config: DataConfig) -> list[Utterance]:
    """The chosen utterances, in a fixed order.

    Raises:
        SecoustiError: nothing is there, or no utterance is left.
    """
    path = _locate(config.path)
    kind = _guess(path) if config.kind == "auto" else config.kind
    found = sorted(READERS[kind](path, config), key=lambda utterance: utterance.id)
    if not found:
        raise SecoustiError(f"no recordings were found in {path} (read as {kind})")
    return choose(found, config.limit, config.seed, by_corpus=config.spread == "corpus")


def choose(
    utterances: list[Utterance], limit: int | None, seed: int, by_corpus: bool = False
) -> list[Utterance]:
    """At most ``limit`` utterances: one of every speaker in turn, each speaker's shuffled.

    ``by_corpus``: one of every corpus in turn, and so on within each.
    """
    if limit is None or limit >= len(utterances):
        return utterances
    rng = random.Random(seed)
    by_speaker = _groups(utterances, lambda utterance: (utterance.corpus, utterance.speaker))
    for own in by_speaker:
        rng.shuffle(own)
    turns = _in_turn(by_speaker)
    if by_corpus:
        turns = _in_turn(_groups(turns, lambda utterance: utterance.corpus))
    return sorted(turns[:limit], key=lambda utterance: utterance.id)


def _groups(
    utterances: list[Utterance], key: Callable[[Utterance], object]
) -> list[list[Utterance]]:
    found: dict[object, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        found[key(utterance)].append(utterance)
    return list(found.values())


def _in_turn(groups: list[list[Utterance]]) -> list[Utterance]:
    """The first of every group, then the second of every group, and so on."""
    rounds = max(len(group) for group in groups)
    return [group[k] for k in range(rounds) for group in groups if k < len(group)]


def _locate(written: str) -> Path:
    path = Path(os.path.expandvars(written)).expanduser()
    if not written or "$" in str(path):
        missing = f"set {written.split('/')[0].lstrip('$')}, or " if "$" in written else ""
        raise SecoustiError(
            f"the suite needs recordings: {missing}name a folder or a manifest with --data"
        )
    if not path.exists():
        raise SecoustiError(f"there are no recordings at {path}: name others with --data")
    return path


def _guess(path: Path) -> Kind:
    if path.is_file():
        return "manifest"
    if (path / "content.txt").is_file():
        return "aishell3"
    return "libritts" if next(path.rglob("*.normalized.txt"), None) else "folder"


def _folder(path: Path, config: DataConfig) -> Iterator[Utterance]:
    """Any tree of recordings; a recording's folder is its speaker, ``x.txt`` its text."""
    for audio in walk_files(path):
        if audio.suffix.lower() in AUDIO_SUFFIXES:
            name = readable(str(audio.relative_to(path).with_suffix("")))
            speaker = readable(audio.parent.name) if audio.parent != path else name
            text = _text(audio.with_suffix(".txt"))
            yield Utterance(name, audio, speaker, config.language, text)


def _text(path: Path) -> str | None:
    """A transcript; ``None`` without one, or with one that cannot be read, which a note tells."""
    try:
        return path.read_text(encoding="utf-8-sig").strip() if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        note(f"{readable(str(path))} is not read: {error}")
        return None


def _manifest(path: Path, config: DataConfig) -> Iterator[Utterance]:
    """JSON Lines with ``audio`` and, where known, speaker, language, text, emotion, phones.

    Bad lines are named by notes and left out; a file without a good line is an error.
    """
    good = 0
    for entry in read_manifest(path, on_fault=lambda n, why: note(f"{path}, line {n}: {why}")):
        good += 1
        if all(entry.fields.get(key) == value for key, value in config.keep.items()):
            yield _from_entry(entry, config)
    if not good:
        raise SecoustiError(f"{path} is no manifest: name one, or a folder of audio")


def _from_entry(entry: Entry, config: DataConfig) -> Utterance:
    row = entry.fields
    phones = row.get("phones")
    intervals = tuple(map(tuple, phones)) if isinstance(phones, list) else ()
    text = row.get("text")
    return Utterance(
        id=entry.id,
        path=Path(entry.location),
        speaker=str(row.get("speaker") or entry.audio),
        language=str(row.get("language") or config.language),
        text=text if isinstance(text, str) else None,
        emotion=row.get("emotion"),
        phones=intervals,
        corpus=str(row.get("corpus") or ""),
        piece=entry.piece,
    )


def _libritts(path: Path, config: DataConfig) -> Iterator[Utterance]:
    """LibriTTS: ``speaker/chapter/name.wav`` beside ``name.normalized.txt`` (Zen et al. 2019)."""
    for audio in path.rglob("*.wav"):
        text = _text(audio.with_suffix(".normalized.txt"))
        yield Utterance(audio.stem, audio, audio.stem.split("_")[0], "en", text)


def _vctk(path: Path, config: DataConfig) -> Iterator[Utterance]:
    """VCTK's test speakers: of two microphones the second, as ``data_prep`` reads it.

    The paper of P2PSynCodec counts 40,936 utterances to train on and 2,937 to test on, which the
    code of its family divides by these speakers.
    """
    folder = next((path / n for n in _VCTK_FOLDERS if (path / n).is_dir()), None)
    if folder is None:
        raise SecoustiError(f"{path} holds neither {' nor '.join(_VCTK_FOLDERS)}, as VCTK does")
    for speaker in VCTK_TEST:
        for audio in walk_files(folder / speaker) if (folder / speaker).is_dir() else ():
            name = re.sub(r"_mic\d$", "", audio.stem)
            other = audio.with_name(f"{name}_mic2{audio.suffix}")
            first = audio.stem.endswith("_mic1") and other.is_file()
            if audio.suffix.lower() in AUDIO_SUFFIXES and not first:
                text = _text(path / "txt" / speaker / f"{name}.txt")
                yield Utterance(name, audio, speaker, "en", text)


def _aishell3(path: Path, config: DataConfig) -> Iterator[Utterance]:
    """AISHELL-3 test: ``wav/SPEAKER/name.wav``, hanzi and pinyin in turn in ``content.txt``."""
    for line in (path / "content.txt").read_text(encoding="utf-8").splitlines():
        name, _, content = line.partition("\t")
        if name.strip():
            audio = path / "wav" / name[:7] / name
            text = "".join(content.split()[::2])
            yield Utterance(Path(name).stem, audio, name[:7], "zh", text)


READERS: dict[str, Callable[[Path, DataConfig], Iterator[Utterance]]] = {
    "folder": _folder,
    "manifest": _manifest,
    "libritts": _libritts,
    "aishell3": _aishell3,
    "vctk": _vctk,
}
