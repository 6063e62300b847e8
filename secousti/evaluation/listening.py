"""Material for a listening test: a webMUSHRA configuration and its audio files.

Copy the folder to ``configs/resources/TITLE`` of a webMUSHRA installation and the YAML file to
``configs`` (audiolabs/webMUSHRA, doc/experimenter.md).
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np

from secousti.atomic import replacing, write_text
from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, Samples, fit, read_audio
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.suite import ListeningConfig

RATE = 48000  # webMUSHRA wants one rate and one length on a page
ANCHOR_HZ = 3500


def export_listening_test(summary: Summary, config: ListeningConfig, folder: Path) -> Path:
    """Write ``folder/NAME.yaml`` and the WAV files it names; returns the YAML file.

    MUSHRA: every codec, the hidden reference and a 3.5 kHz anchor on one page (ITU-R BS.1534).
    ABX: each codec against the recording: which of A and B is X? webMUSHRA's page for pairs asks
    that and nothing else, so codecs are compared with each other by their MUSHRA points.

    Raises:
        SecoustiError: too few utterances that every codec coded, or nothing to compare.
    """
    name = re.sub(r"[^a-z0-9]+", "-", f"{summary.title}-{config.test}".lower()).strip("-")
    items = choose_items(summary, config)
    codecs = [row.info.name for row in summary.rows if row.info.sample_rate]
    if not codecs:
        raise SecoustiError(f"a {config.test} test needs a codec beside the reference")
    pages: list[Any] = ["random"]
    for item in items:
        files = write_item(summary, item, codecs, config.test, folder / name)
        resources = f"configs/resources/{name}"
        paths = {key: f"{resources}/{path.name}" for key, path in files.items()}
        pages += mushra_page(item, paths) if config.test == "mushra" else abx_page(item, paths)
    return _write_config(folder / f"{name}.yaml", name, summary.title, pages)


def choose_items(summary: Summary, config: ListeningConfig) -> list[str]:
    """Utterances that every codec coded, drawn with the test's seed."""
    failed = {record.utterance for record in summary.records if record.error}
    whole = sorted({record.utterance for record in summary.records} - failed)
    if len(whole) < config.items:
        raise SecoustiError(
            f"the listening test wants {config.items} utterances, {len(whole)} are there: raise "
            "--limit, or lower listening.items in the suite"
        )
    return sorted(random.Random(config.seed).sample(whole, config.items))


def write_item(
    summary: Summary, item: str, codecs: list[str], test: str, folder: Path
) -> dict[str, Path]:
    """WAV files of one utterance, all 48 kHz and of one length: condition -> file."""
    records = {r.codec: r for r in summary.records if r.utterance == item}
    sounds = {name: read_audio(Path(records[name].audio)) for name in ("reference", *codecs)}
    length = len(sounds["reference"].at(RATE))
    waves = {name: fit(sound.at(RATE), length) for name, sound in sounds.items()}
    if test == "mushra":
        waves["anchor35"] = low_pass(waves["reference"])
    stem = re.sub(r"[^A-Za-z0-9]+", "_", item)
    return {name: _write_wav(folder / f"{stem}__{name}.wav", wave) for name, wave in waves.items()}


def low_pass(samples: Samples) -> Samples:
    """The anchor: 48 kHz audio below 3.5 kHz, by a linear-phase filter without delay."""
    from scipy.signal import fftconvolve, firwin

    taps = firwin(801, ANCHOR_HZ, fs=RATE)
    return np.asarray(fftconvolve(samples, taps, mode="same"), np.float32)


def _write_wav(path: Path, samples: Samples) -> Path:
    import soundfile

    audio = Audio(samples, RATE)

    with replacing(path) as name:
        soundfile.write(name, audio.samples.clip(-1, 1), RATE, subtype="PCM_16", format="WAV")
    return path


def mushra_page(item: str, paths: dict[str, str]) -> list[dict[str, Any]]:
    """One MUSHRA page; webMUSHRA adds the hidden reference itself."""
    page = {
        "name": "Rate the quality",
        "content": "How close is each recording to the reference?",
        "showWaveform": True,
        "strict": False,
        "randomize": True,
        "showConditionNames": False,
        "createAnchor35": False,
        "createAnchor70": False,
    }
    return [_page("mushra", item, paths) | page]


def abx_page(item: str, paths: dict[str, str]) -> list[dict[str, Any]]:
    """Pairs of the recording and each codec; webMUSHRA shows one codec after another."""
    page = {
        "name": "Which is the reference?",
        "unforced": "I cannot tell",
        "content": "One of A and B is the reference, the other went through a codec.",
        "showWaveform": False,
    }
    return [_page("paired_comparison", item, paths) | page]


def _page(kind: str, item: str, paths: dict[str, str]) -> dict[str, Any]:
    """What every page of recordings has."""
    return {
        "type": kind,
        "id": item,
        "enableLooping": True,
        "reference": paths["reference"],
        "stimuli": {key: path for key, path in paths.items() if key != "reference"},
    }


def _write_config(path: Path, name: str, title: str, pages: list[Any]) -> Path:
    import yaml

    welcome = {
        "type": "generic",
        "id": "welcome",
        "name": title,
        "content": "Please use headphones in a quiet room.",
    }
    finish = {
        "type": "finish",
        "name": "Thank you",
        "content": "That was all.",
        "showResults": False,
        "writeResults": True,
    }
    document = {
        "testname": title,
        "testId": name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": True,
        "remoteService": "service/write.php",
        "pages": [welcome, pages, finish],
    }

    write_text(path, yaml.safe_dump(document, sort_keys=False))
    return path
