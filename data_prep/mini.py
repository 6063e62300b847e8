"""``python -m data_prep fetch-mini``: a small corpus to train on, from nothing or from a folder.

Downloaded, divided into training and validation by speaker, and aligned where there is text: what
``configs/mini_21hz.yaml`` and the other small configurations read.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from data_prep.alignment.command import Options, align_manifest, show
from data_prep.division import Recordings, divide
from data_prep.download import archive_name, fetch, root_of, unpack
from secousti.atomic import write_json
from secousti.errors import SecoustiError
from secousti.lock import locked
from secousti.manifest import is_url, parse_line

MINI = Path("corpora/mini")  # what configs/ name
_NOTE = "corpus.json"  # what was asked for, and what became of it
_HOUR = 3600.0


@dataclass(frozen=True)
class Archive:
    """Something to download; ``md5`` as its publisher gives it."""

    url: str
    md5: str | None = None


# Mini LibriSpeech (https://www.openslr.org/31/), CC BY 4.0: 333 and 126 MB.
PARTS = {
    "train-clean-5": Archive(
        "https://www.openslr.org/resources/31/train-clean-5.tar.gz",
        "5df7d4e78065366204ca6845bb08f490",
    ),
    "dev-clean-2": Archive(
        "https://www.openslr.org/resources/31/dev-clean-2.tar.gz",
        "6d7ab67ac6a1d2c993d050e16d61080d",
    ),
}


def fetch_mini(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the corpus; configs/ read this one.")
    ] = MINI,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="PATH", help="Folder, manifest, tar archive or its URL; repeatable."
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help=f"Of Mini LibriSpeech: {' or '.join(PARTS)}; both without it."),
    ] = None,
    hours: Annotated[float, typer.Option(min=0.0, help="Take at most so many.")] = 10.0,
    align: Annotated[bool, typer.Option(help="Give phonemes their times.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that align.")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """A small corpus with train.jsonl and valid.jsonl, ready for python -m train.

    Without --from it downloads Mini LibriSpeech (459 MB, CC BY 4.0). Run it again after an
    interruption: it goes on.
    """
    if source and part:
        raise SecoustiError("--part names parts of Mini LibriSpeech, which --from replaces")
    if unknown := [name for name in part or () if name not in PARTS]:
        raise SecoustiError(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    wanted = [*(source or [PARTS[name].url for name in part or PARTS])]
    print(build(wanted, output, hours, align, workers))


def build(sources: list[str], output: Path, hours: float, align: bool, workers: int) -> str:
    """Make the corpus in ``output``, or go on with it; a line about what there is.

    Raises:
        SecoustiError: a source cannot be had or holds too little, or ``output`` is another corpus.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SecoustiError(f"{output} cannot be made: {error.strerror}") from error
    with locked(output / ".lock", output):
        where = [each if is_url(each) else os.path.abspath(each) for each in sources]
        job: dict[str, object] = {"from": where, "hours": hours, "align": align}
        done = _noted(output, job)
        if done is None:
            write_json(output / _NOTE, job)
            _check_names(where)
            roots = [str(_local(each, output)) for each in where]
            found = divide(roots, output / "divided", hours * _HOUR)
            done = found.about() + _finish(found, output, align, workers)
            write_json(output / _NOTE, job | {"is": done})
    return f"{output}: {done}"


def _noted(output: Path, job: dict[str, object]) -> str | None:
    """What an earlier run said when it was done; ``None`` if there was none, or it was interrupted.

    Raises:
        SecoustiError: it was asked for something else.
    """
    path = output / _NOTE
    if not path.is_file():
        return None
    noted = parse_line(path.read_bytes())
    done = noted.pop("is", None)
    if noted != job and (done is not None or any((output / "recordings").glob("[!.]*"))):
        raise SecoustiError(
            f"{output} holds another corpus ({path} names it): choose another folder with -o, or "
            "remove this one"
        )
    return None if done is None or noted != job else str(done)


def _check_names(sources: list[str]) -> None:
    """Each archive is unpacked into a folder of its own name."""
    archives = [each for each in sources if is_url(each) or Path(each).is_file()]
    names = Counter(_stem(each) for each in archives if not each.endswith(".jsonl"))
    if twice := [name for name, count in names.items() if count > 1]:
        raise SecoustiError(f"two archives are called {twice[0]!r}: rename one of them")


def _stem(archive: str) -> str:
    return archive_name(archive).partition(".")[0]


def _local(source: str, output: Path) -> Path:
    """The folder or manifest of a source, which is downloaded and unpacked if need be."""
    path = Path(source)
    if not is_url(source) and (path.is_dir() or path.suffix == ".jsonl" or not path.exists()):
        return path  # a missing one is named by whoever reads it
    folder = output / "recordings" / _stem(source)
    if not folder.is_dir():
        archive = _downloaded(source, output) if is_url(source) else path
        Console(stderr=True).print(f"unpacking {archive.name}", highlight=False)
        unpack(archive, folder)
        if is_url(source):
            archive.unlink()
    return root_of(folder)


def _downloaded(url: str, output: Path) -> Path:
    target = output / archive_name(url)
    md5 = next((each.md5 for each in PARTS.values() if each.url == url), None)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(target.name, total=None)
        fetch(url, target, md5, lambda have, of: bar.update(task, completed=have, total=of))
    return target


def _finish(found: Recordings, output: Path, align: bool, workers: int) -> str:
    """``train.jsonl`` and ``valid.jsonl`` in ``output``, with times if there is text."""
    aligned = 0
    options = Options("auto", None, None, 0.0)
    for name, path in (("train", found.train), ("valid", found.valid)):
        target = output / f"{name}.jsonl"
        if align and found.texts:
            report = align_manifest(Path(path), target, options, workers)
            show(report, target)
            aligned += report.aligned
        else:
            Path(path).replace(target)
    return f", {aligned} aligned" if aligned else ", without phonemes in time"
