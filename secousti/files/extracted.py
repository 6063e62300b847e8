"""Recordings of an extraction (Parquet, WebDataset, Shar), found by their ids and decoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.audio.writing import WRITABLE_SUFFIXES
from secousti.base import ALL, Codec
from secousti.container import Header
from secousti.container.header import same_hash
from secousti.devices import AUTO
from secousti.errors import SecoustiError
from secousti.extraction.readers import read_rows
from secousti.extraction.run import read_index
from secousti.files.bare import bare_events
from secousti.files.jobs import Job, Result, checked, run
from secousti.files.models import LoadedCodecs
from secousti.files.progress import Told, Track, watched
from secousti.files.sessions import expected_samples, speak
from secousti.files.sinks import write_audio
from secousti.files.voices import voice_of

_SHOWN = 3  # ids that a message names
_UNFIT = re.compile(r'[\x00-\x1f/\\:*?"<>|]')  # in the name of a file, on some system


def is_extraction(inputs: Sequence[str]) -> bool:
    """Whether the input is a folder that ``extract`` wrote."""
    return len(inputs) == 1 and (Path(inputs[0]) / "index.json").is_file()


def decode_extracted(
    folder: str,
    ids: Sequence[str],
    output: str,
    model: str | None = None,
    device: str = AUTO,
    force: bool = False,
    sample_rate: int | None = None,
    mode: str = ALL,
    voice: str | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Decode the recordings ``ids`` of an extraction, into the file or the folder ``output``.

    Args:
        model: the codec; by default one at hand that reads the extraction's tokens.
        voice: a recording whose voice to speak in, instead of each one's own.

    Raises:
        SecoustiError: no finished extraction, no ids, tokens of another codec; an id that is not
            there, if it is the only one.
    """
    index = read_index(folder)
    rows, others = _rows(Path(folder), index, ids)
    if not ids:
        total = index["totals"]["items"]
        raise SecoustiError(
            f"{folder} holds {total} recordings: choose with --id, such as {_named(others)}"
        )
    jobs = [_job(name, ids, output, rows, folder, others) for name in ids]
    codecs = LoadedCodecs(model, device)
    who = None if voice is None else voice_of(voice, codecs)
    speaking = _Speaking(codecs, folder, index["codec"], rows, sample_rate, mode, who)
    return run(list(checked(jobs, force, WRITABLE_SUFFIXES)), speaking, track)


def _rows(
    folder: Path, index: dict[str, Any], ids: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The rows of ``ids``, and some other ids, to be named where one is not found."""
    wanted, found, others = set(ids), dict[str, dict[str, Any]](), list[str]()
    for shard in index["shards"]:
        for row in read_rows(folder, shard, index["format"]):
            if row["id"] in wanted:
                found.setdefault(row["id"], row)
            elif len(others) < _SHOWN:
                others.append(row["id"])
            if len(found) == len(wanted) and (ids or len(others) == _SHOWN):
                return found, others
    return found, others


def _job(
    name: str,
    ids: Sequence[str],
    output: str,
    rows: dict[str, dict[str, Any]],
    folder: str,
    others: Sequence[str],
) -> Job:
    into = len(ids) > 1 or output.endswith(("/", "\\")) or Path(output).is_dir()
    target = str(Path(output) / (_UNFIT.sub("_", name) + ".wav")) if into else output
    problem = None
    if name not in rows:
        problem = f"{folder} holds no recording {name!r}; its ids are such as {_named(others)}"
    return Job(name, target, problem)


def _named(ids: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in ids) or "(none)"


@dataclass(frozen=True)
class _Speaking:
    """Decodes one recording of an extraction; the arguments are those of ``decode_extracted``.

    ``made_by``: what the extraction says of its codec.
    """

    codecs: LoadedCodecs
    folder: str
    made_by: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    sample_rate: int | None
    mode: str
    voice: NDArray[np.int8] | None

    def __call__(self, job: Job, told: Told) -> Result:
        row = self.rows[job.source]
        header = _header(self.made_by, row)
        codec = self.codecs.codec(header, self.folder)
        rate = self.sample_rate or codec.sample_rate
        voice, note = self._who(codec, row)
        codes = row["codes"].astype(np.int64).reshape(-1, codec.num_codebooks).T
        codec.check_codes(codes[None].copy())
        events = bare_events(codes, voice, row["num_samples"])
        portions = speak(codec, events, header, rate, self.mode)
        samples = write_audio(
            job.target, watched(portions, expected_samples(header, rate), told), rate
        )
        return Result(job, samples / rate, codes.shape[1], note=note)

    def _who(self, codec: Codec, row: dict[str, Any]) -> tuple[NDArray[np.int8] | None, str | None]:
        """Who is to speak, and what to say if it is nobody."""
        if self.voice is not None or not codec.voice_size:
            return self.voice, None
        told = self.made_by.get("voice_hash")
        if row["paralinguistic"] is None:
            lacks = "was extracted without its voice"
        elif told and not same_hash(told, codec.voice_hash):
            lacks = f"has a voice of another voice encoder than that of {codec.model_id!r}"
        else:
            return np.asarray(row["paralinguistic"], np.int8), None
        return None, f"{row['id']} {lacks}: it speaks in an average one; --voice gives one"


def _header(made_by: dict[str, Any], row: dict[str, Any]) -> Header:
    """What a ``.sct`` file of the recording would say of itself."""
    return Header(
        sample_rate=made_by["sample_rate"],
        frame_size=made_by["frame_size"],
        codebook_size=made_by["codebook_size"],
        num_codebooks=made_by["num_codebooks"],
        token_hash=made_by.get("token_hash", ""),
        num_samples=row["num_samples"],
        model=made_by["model_id"].split("/")[-1],
        weights=made_by["weight_hash"],
    )
