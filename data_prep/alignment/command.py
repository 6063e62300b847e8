"""``python -m data_prep align``: add phones and words with times to every row of a manifest."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from data_prep.alignment.base import Aligner, Utterance
from data_prep.alignment.sources import Source, open_source
from data_prep.alignment.textgrid import TextGridAligner
from data_prep.languages import has_phonemes
from data_prep.manifest import Row, read_manifest
from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.manifest import Places, is_url, to_line

ALIGNED = "aligned"
FAULT = "_fault"  # why a row was not aligned; in the unfinished file only


@dataclass(frozen=True)
class Options:
    """What decides the result; a run continues only with the same."""

    source: str
    model: str | None
    textgrids: str | None
    min_confidence: float
    shared: tuple[str, ...] = ()  # TextGrids that several rows would take

    def open(self) -> Aligner:
        """The aligner.

        Raises:
            SecoustiError: it cannot be opened.
        """
        return open_source(
            self.source,
            model=_path(self.model),
            textgrids=_path(self.textgrids),
            shared=frozenset(self.shared),
        )


@dataclass
class Report:
    """How many rows were aligned, and why the others were not."""

    rows: int
    aligned: int
    faults: Counter[str]
    examples: dict[str, str]
    corpora: dict[str, Counter[str]] = field(default_factory=dict)  # what became of their rows

    def lost(self) -> str:
        """The corpora of which no row was aligned, with the commonest reason; "" if there is none.

        A row without a corpus counts with its language.
        """
        gone = [
            f"{name} ({outcomes.total()} rows, most often: {outcomes.most_common(1)[0][0]})"
            for name, outcomes in self.corpora.items()
            if not outcomes[ALIGNED]
        ]
        return "; ".join(gone)


def align(
    manifest: Annotated[Path, typer.Argument(help="JSON Lines, one utterance a line")],
    output: Annotated[Path, typer.Option("-o", "--output", help="manifest to write")],
    source: Annotated[Source, typer.Option(help="where the times come from")] = "auto",
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="leave less certain rows without times")
    ] = 0.0,
    model: Annotated[Path | None, typer.Option(help="folder of your own built-in model")] = None,
    textgrids: Annotated[Path | None, typer.Option(help="folder of TextGrids")] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 1,
    strict: Annotated[bool, typer.Option(help="fail if any row cannot be aligned")] = False,
) -> None:
    """Add ``phones`` and ``words`` as [[start_s, end_s, label], ...] to each row of MANIFEST.

    Rows that cannot be aligned are kept without times and counted, with the reason. Run the
    command again after an interruption: it continues.
    """
    options = Options(source, _text(model), _text(textgrids), min_confidence)
    report = align_manifest(manifest, output, options, workers)
    show(report, output)
    if lost := report.lost():
        raise SecoustiError(f"no row was aligned of {lost}; {output} holds the rows without times")
    if strict and report.faults:
        raise SecoustiError(f"{report.rows - report.aligned} rows could not be aligned")


def align_manifest(
    manifest: Path,
    output: Path,
    options: Options,
    workers: int = 1,
    until: float | None = None,
    least: int = 0,
) -> Report:
    """Align ``manifest`` into ``output``; finished rows of an earlier run are taken over.

    Args:
        until: when to stop, as ``time.monotonic`` counts; rows that were not reached are in neither
            output nor report. least: rows that are aligned however late it is.

    Raises:
        SecoustiError: the manifest cannot be read or the source cannot be opened.
    """
    faults: Counter[str] = Counter()
    rows = list(_rows(manifest, faults))
    opened = options.open()
    if isinstance(opened, TextGridAligner):
        options = replace(options, shared=_shared(opened, rows, manifest.resolve().parent))
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f".{output.name}.{_fingerprint(rows, options)}.part")
    done = _finished_lines(part)
    results = _results(rows[done:], manifest, output, options, workers)
    with (
        part.open("a", encoding="utf-8") as file,
        Progress(transient=True) as progress,
        closing(results),
    ):
        task = progress.add_task("aligning", total=len(rows), completed=done)
        for count, entry in enumerate(results, start=done + 1):
            file.write(to_line(entry))
            file.flush()
            progress.advance(task)
            if until is not None and count >= least and time.monotonic() >= until:
                break
    report = _finish(part, output)
    report.faults.update(faults)
    return report


def _rows(manifest: Path, faults: Counter[str]) -> Iterator[Row]:
    places = Places(str(manifest))
    for row in read_manifest(manifest, on_fault=lambda *_: faults.update(["a faulty line"])):
        found = places.locate(row.audio)
        if found != row.audio_path(manifest.parent):  # where earlier versions looked
            row.audio = os.path.abspath(found)
        yield row


def _shared(aligner: TextGridAligner, rows: list[Row], root: Path) -> tuple[str, ...]:
    """TextGrids that more than one recording would take."""
    takers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        with suppress(SecoustiError):
            takers[str(aligner.find(Utterance(row, root)))].add(row.audio)
    return tuple(sorted(path for path, audio in takers.items() if len(audio) > 1))


def show(report: Report, output: Path) -> None:
    """Print what was done and what was not."""
    console = Console()
    console.print(f"{report.aligned} of {report.rows} rows aligned; {output} written")
    for reason, count in report.faults.most_common():
        example = report.examples.get(reason)
        console.print(f"  {count} x {reason}" + (f", such as {example}" if example else ""))


_aligner: list[Aligner] = []  # one a worker process, set once when it starts


def _open_worker(options: Options) -> None:
    import torch

    torch.set_num_threads(1)
    _aligner[:] = [options.open()]


def _align_one(task: tuple[Row, Path, float]) -> dict[str, Any]:
    row, root, min_confidence = task
    try:
        found = _aligner[0].align(Utterance(row, root))
    except Exception as error:  # one recording's, whatever it is
        # Without the file's own name, so that equal reasons count together.
        reason = (str(error) or type(error).__name__).replace(row.audio_path(root), "the audio")
        return _without_times(row) | {FAULT: reason}
    confidence = found.confidence
    if confidence is not None:
        row.confidence = round(confidence, 4)
        if confidence < min_confidence:
            return _without_times(row) | {FAULT: f"confidence below {min_confidence:g}"}
    row.phones, row.words = found.phones, found.words
    return row.to_dict()


def _results(
    rows: list[Row], manifest: Path, output: Path, options: Options, workers: int
) -> Generator[dict[str, Any], None, None]:
    """Finished entries in the order of the rows."""
    root = manifest.resolve().parent
    folder = output.resolve().parent
    tasks = ((row, root, options.min_confidence) for row in rows)
    if workers == 1:
        _open_worker(options)
        yield from (_placed(_align_one(task), root, folder) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _open_worker, (options,)) as pool:
        for entry in pool.imap(_align_one, tasks, chunksize=8):
            yield _placed(entry, root, folder)


def _placed(entry: dict[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    """With an audio path that is right from the folder of the new manifest."""
    if folder != root and not is_url(entry["audio"]) and not os.path.isabs(entry["audio"]):
        entry["id"] = entry.get("id") or Row.from_dict(entry).id
        entry["audio"] = os.path.relpath(root / entry["audio"], folder)
    return entry


def _without_times(row: Row) -> dict[str, Any]:
    row.phones = row.words = None
    return row.to_dict()


def _finished_lines(part: Path) -> int:
    """Whole lines of an earlier run; a last line that was cut off is removed."""
    if not part.exists():
        return 0
    data = part.read_bytes()
    end = data.rfind(b"\n") + 1
    with part.open("r+b") as file:
        file.truncate(end)
    return data.count(b"\n", 0, end)


def _finish(part: Path, output: Path) -> Report:
    """Move the finished rows to ``output`` and count them."""
    report = Report(0, 0, Counter(), {})
    with (
        part.open(encoding="utf-8") as lines,
        replacing(output) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        for line in lines:
            entry = json.loads(line)
            reason = entry.pop(FAULT, None)
            report.rows += 1
            report.aligned += reason is None
            if has_phonemes(entry["language"]):  # others were never to be aligned
                corpus = entry.get("corpus") or f"language {entry['language']}"
                report.corpora.setdefault(corpus, Counter())[reason or ALIGNED] += 1
            if reason is not None:
                report.faults[reason] += 1
                report.examples.setdefault(reason, entry["audio"])
            file.write(to_line(entry))
    part.unlink()
    return report


def _fingerprint(rows: Iterable[Row], options: Options) -> str:
    digest = hashlib.sha256(repr(options).encode())
    for row in rows:
        digest.update(json.dumps(row.to_dict(), ensure_ascii=False).encode())
    return digest.hexdigest()[:12]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
