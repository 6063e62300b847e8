"""``python -m data_prep record``: read sentences aloud, and have each as a recording with its text.

The folder is one that ``fetch-mini --from``, ``prepare`` and ``train.finetune`` read: ``001.wav``
beside ``001.txt``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer

from secousti.atomic import replacing_all
from secousti.errors import SecoustiError
from secousti.live.devices import MICROPHONE, Sound, open_source

SENTENCES = Path(__file__).with_name("sentences.txt")
_BLOCK = 0.05  # seconds between two looks at the keyboard
_QUIET, _LOUD = 0.01, 0.99  # peaks that ask for another try

Ask = Callable[[str], str]


def record(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the recordings.")],
    sentences: Annotated[
        Path, typer.Option(help="Text file, a sentence a line; without it, some of ours.")
    ] = SENTENCES,
    sample_rate: Annotated[int, typer.Option(help="Hz.", min=8000, max=192000)] = 44100,
) -> None:
    """Show one sentence after the other, and record each from the microphone.

    Enter begins and ends a recording, r and Enter records the last one again, q and Enter ends.
    Started again, it goes on with the sentences that have no recording yet.
    """
    lines = _lines(sentences)
    open_source(MICROPHONE, _BLOCK, sample_rate, pace=False)  # says at once if there is none
    seconds = sum(_each(lines, output, sample_rate, input))
    kept = len(list(output.glob("*.wav"))) if output.is_dir() else 0
    print(f"{kept} recordings in {output}, {seconds / 60:.1f} min of them now")


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} cannot be read as UTF-8 text: {error}") from None
    if found := [line.strip() for line in lines if line.strip()]:
        return found
    raise SecoustiError(f"{path} holds no sentences")


def _each(lines: list[str], folder: Path, rate: int, ask: Ask) -> Iterator[float]:
    """Record what has no recording yet; the seconds of each."""
    missing = [n for n in range(len(lines)) if not _paths(folder, n)[0].exists()]
    place = 0
    while place < len(missing):
        number = missing[place]
        print(f"\n{number + 1} of {len(lines)}\n\n  {lines[number]}\n")
        answer = ask("Enter begins (r: the last one again, q: enough) ").strip().lower()
        if answer == "q":
            return
        if answer == "r":
            place = max(place - 1, 0)
            continue
        samples = record_until(lambda: ask("... speak; Enter ends "), rate)
        _keep(_paths(folder, number), samples, lines[number], rate)
        place += 1
        yield len(samples) / rate


def record_until(wait: Callable[[], object], rate: int) -> Sound:
    """What the microphone gives until ``wait`` returns, float32 [N]."""
    ended = threading.Event()

    def watch() -> None:
        wait()
        ended.set()

    chunks, _ = open_source(MICROPHONE, _BLOCK, rate, pace=False)
    with closing(cast("Generator[Sound, None, None]", chunks)):
        threading.Thread(target=watch, daemon=True).start()
        blocks = []
        for block in chunks:  # the last one too: somebody spoke while it was filled
            blocks.append(block)
            if ended.is_set():
                break
    return np.concatenate(blocks)


def _paths(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number + 1:03d}.wav", folder / f"{number + 1:03d}.txt"


def _keep(paths: tuple[Path, Path], samples: Sound, text: str, rate: int) -> None:
    import soundfile

    peak = float(np.abs(samples).max(initial=0.0))
    if not _QUIET < peak < _LOUD:
        what = "quiet" if peak <= _QUIET else "loud"
        print(f"  too {what} (peak {peak:.2f}): r records it again")
    with replacing_all([*paths]) as (sound, words):
        soundfile.write(sound, samples, rate, format="WAV", subtype="PCM_16")
        words.write_text(text + "\n", "utf-8")
