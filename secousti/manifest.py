"""The one reader of JSON Lines manifests: one recording, or one piece of a recording, a line.

A line is a JSON object. ``audio`` (NeMo: ``audio_filepath``) names the recording: a path relative
to the manifest's own folder, an absolute path, or a URL. ``offset`` with ``duration`` (NeMo,
lhotse) or ``start`` with ``end``, in seconds, say which piece of it the line is about. Everything
else is the business of whoever reads on.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from secousti.errors import SecoustiError, note, require

AUDIO_KEYS = ("audio", "audio_filepath")  # ours, NeMo's
NEMO = "audio_filepath"
START_KEYS = ("offset", "start", "start_time")
END_KEYS = ("end", "end_time")
TOLERANCE = 0.1  # seconds by which a manifest's times may miss those of the recording
_ROUNDED = 0.01  # seconds; a piece that ends so near the recording's end has a rounded time
_MAX_LINE = 1 << 26  # bytes; a line of a manifest is far shorter

T = TypeVar("T")
# Called with the number of a line and what is wrong with it.
OnFault = Callable[[int, str], None]


@dataclass(frozen=True)
class Piece:
    """Which part of a recording is meant; the whole one by default.

    Attributes:
        start: seconds from the beginning of the recording.
        seconds: of the piece; ``None`` up to the end of the recording.
        whole: seconds that the manifest says the whole recording lasts, where no piece is named.
        channel: the channel meant, from 0; ``None`` for the mean of all.
    """

    start: float = 0.0
    seconds: float | None = None
    whole: float | None = None
    channel: int | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it is less than the whole recording."""
        return self.start > 0 or self.seconds is not None

    def bounds(self, total: int, rate: int) -> tuple[int, int]:
        """First sample and the one after the last, of a recording of ``total`` samples.

        Raises:
            SecoustiError: the piece is not within the recording, or the recording is longer than
                the manifest says, so that a piece may be meant.
        """
        have = total / rate
        if self.whole is not None and have > self.whole + TOLERANCE:
            raise SecoustiError(
                f"the recording lasts {have:.3f} s, the manifest says {self.whole:.3f} s: give "
                '"offset" too (0 for its beginning) if a piece is meant, else correct "duration"'
            )
        end = have if self.seconds is None else self.start + self.seconds
        if end > have + TOLERANCE or (self.is_cut and self.start >= have):
            raise SecoustiError(
                f"the piece from {self.start:.3f} s to {end:.3f} s is not within the recording, "
                f"which lasts {have:.3f} s"
            )
        first = round(self.start * rate)
        last = total if end > have - _ROUNDED else round(end * rate)
        if last <= first and self.is_cut:
            raise SecoustiError(f"the piece at {self.start:.3f} s is shorter than one sample")
        return first, last


@dataclass(frozen=True)
class Entry:
    """One line of a manifest.

    Attributes:
        number: of the line, from 1.
        id: the line's own, else the path without its suffix (and the times of a piece).
        audio: the recording as the line names it.
        location: where it is: a path or a URL.
        piece: the part of it that is meant.
        fields: the whole JSON object.
    """

    number: int
    id: str
    audio: str
    location: str
    piece: Piece = Piece()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Places:
    """Where relative paths of a manifest lead: to its own folder, or to ``root`` if given.

    What is not there is looked for where earlier versions did (below ``root`` the manifest's
    folder, without ``root`` the working directory), and a warning says so, once.
    """

    manifest: str
    root: str | os.PathLike[str] | None = None
    _warned: bool = field(default=False, repr=False)

    def locate(self, audio: str) -> str:
        """The path or URL of ``audio``, which need not exist."""
        if is_url(audio) or os.path.isabs(audio):
            return audio
        first, second = self._folders()
        place = _join(first, audio)
        if second is None or is_url(first) or os.path.exists(place):
            return place
        other = _join(second, audio)
        if not os.path.exists(other):
            return place
        self._warn(first, second)
        return other

    def _folders(self) -> tuple[str, str | None]:
        own = _folder_of(self.manifest)
        if self.root is None:
            return own, None if is_url(own) else ""
        return os.fspath(self.root), None if is_url(own) else own

    def _warn(self, first: str, second: str) -> None:
        if not self._warned:
            note(
                f"{self.manifest} names recordings relative to {second or 'the working directory'},"
                f" not to {first}: they are read from there; write paths relative to the manifest"
            )
        self._warned = True


def read_manifest(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    on_fault: OnFault | None = None,
    unique: bool = True,
) -> Iterator[Entry]:
    """The lines of a manifest one by one, so that any number of them fits in memory.

    Args:
        path: a file, or a URL that fsspec opens.
        root: the folder that relative paths start from; the manifest's own by default.
        on_fault: called with the number of a bad line and the reason; the line is then left out.
            Without it a bad line raises.
        unique: a line with an id that came before is a bad line.

    Raises:
        SecoustiError: the file cannot be read, or a line is bad and there is no ``on_fault``.
    """
    name = os.fspath(path)
    places, seen = Places(name, root), dict[str, int]()

    def parse(number: int, line: bytes) -> Entry:
        entry = to_entry(parse_line(line), number, places.locate)
        if unique and seen.setdefault(entry.id, number) != number:
            raise SecoustiError(f"the id {entry.id!r} was given before, in line {seen[entry.id]}")
        return entry

    return parsed_lines(name, parse, on_fault)


def parsed_lines(
    path: str | os.PathLike[str] | int, parse: Callable[[int, bytes], T], on_fault: OnFault | None
) -> Iterator[T]:
    """What ``parse`` makes of (number, line) of every line that is not empty.

    Args:
        on_fault: called with the number of a line that ``parse`` refuses and the reason; the line
            is then left out. Without it such a line raises.

    Raises:
        SecoustiError: the file cannot be read, or a line is bad and there is no ``on_fault``.
    """
    for number, line in read_lines(path):
        try:
            item = parse(number, line)
        except SecoustiError as error:
            if on_fault is None:
                raise SecoustiError(f"{path}, line {number}: {error}") from None
            on_fault(number, str(error))
            continue
        yield item


def read_lines(path: str | os.PathLike[str] | int) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes) of every line that is not empty.

    Args:
        path: a file, a URL that fsspec opens, or a file descriptor.

    Raises:
        SecoustiError: it cannot be read.
    """
    try:
        with open_binary(path) as file:
            number = 0
            while line := file.readline(_MAX_LINE):
                number += 1
                if line.strip():
                    yield number, line
                while len(line) == _MAX_LINE and not line.endswith(b"\n"):  # the rest of it
                    line = file.readline(_MAX_LINE)
    except OSError as error:
        raise SecoustiError(
            f"the manifest {path} cannot be read: {error.strerror or error}"
        ) from None


def parse_line(line: bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        SecoustiError: not UTF-8, not JSON, or not an object.
    """
    try:
        fields = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SecoustiError("not UTF-8; convert the manifest, e.g. with iconv") from None
    except (ValueError, RecursionError) as error:
        raise SecoustiError(f"not JSON ({getattr(error, 'msg', error)})") from None
    if not isinstance(fields, dict):
        raise SecoustiError(f"a line must be a JSON object, not {_kind(fields)}")
    return fields


def to_entry(fields: dict[str, Any], number: int, locate: Callable[[str], str]) -> Entry:
    """The entry of a JSON object; ``locate`` says where a path leads.

    Raises:
        SecoustiError: no recording, or a value of the wrong kind; the message names it.
    """
    audio, piece = audio_of(fields), piece_of(fields)
    return Entry(number, _id_of(fields, audio, piece), audio, locate(audio), piece, fields)


def audio_of(fields: Mapping[str, Any]) -> str:
    """The recording that a line names.

    Raises:
        SecoustiError: none, or null, a list or a number in its place.
    """
    key = next((key for key in AUDIO_KEYS if key in fields), None)
    if key is None:
        raise SecoustiError("it has no 'audio' (or 'audio_filepath')")
    audio = fields[key]
    if not isinstance(audio, str) or not audio.strip() or "\0" in audio:
        raise SecoustiError(f"'{key}' must be a path or URL, not {_kind(audio)}")
    return audio


def piece_of(fields: Mapping[str, Any]) -> Piece:
    """The piece of the recording that a line is about.

    ``duration`` alone is the length of a piece in a manifest of NeMo (``audio_filepath``), and of
    the whole recording in any other.

    Raises:
        SecoustiError: a time that is no number, is negative, or contradicts another.
    """
    start = _seconds(fields, START_KEYS)
    end, length = _seconds(fields, END_KEYS), _seconds(fields, ("duration",))
    channel = _channel(fields.get("channel"))
    if start is None and end is None:
        if NEMO in fields and length is not None:
            return Piece(0.0, length, None, channel)
        return Piece(whole=length, channel=channel)
    begin = start or 0.0
    if end is None:
        return Piece(begin, length, None, channel)
    if end <= begin:
        raise SecoustiError(f"the piece ends at {end:g} s, before its start at {begin:g} s")
    if length is not None and abs(end - begin - length) > TOLERANCE:
        raise SecoustiError(
            f"'duration' is {length:g} s, but from start to end there are {end - begin:g} s"
        )
    return Piece(begin, end - begin, None, channel)


def to_line(fields: Mapping[str, Any]) -> str:
    """The line of a JSON object, with its end; file names that are not UTF-8 come back as they
    are when it is read."""
    line = json.dumps(fields, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(fields)
    return line + "\n"


def is_url(location: str) -> bool:
    """Whether it names a protocol."""
    return "://" in location


def open_binary(location: str | os.PathLike[str] | int) -> AbstractContextManager[IO[bytes]]:
    """Open for reading as a stream: a path, a file descriptor, or a URL through fsspec.

    Raises:
        OSError: nothing there, or no permission.
        SecoustiError: fsspec is missing.
    """
    if isinstance(location, str) and is_url(location):
        opened: AbstractContextManager[IO[bytes]] = require("fsspec", "data").open(location, "rb")
        return opened
    return open(location, "rb")


def default_id(audio: str, piece: Piece) -> str:
    """What a line is called that has no ``id``: no two pieces of a recording alike."""
    stem = os.path.splitext(audio)[0]
    if not piece.is_cut:
        return stem
    end = "" if piece.seconds is None else f"{piece.start + piece.seconds:.3f}"
    return f"{stem}@{piece.start:.3f}-{end}"


def _id_of(fields: Mapping[str, Any], audio: str, piece: Piece) -> str:
    given = fields.get("id")
    if given is None or given == "":
        return default_id(audio, piece)
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise SecoustiError(f"'id' must be a text or a whole number, not {_kind(given)}")
    return str(given)


def _seconds(fields: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    found = {name: fields[name] for name in names if fields.get(name) is not None}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SecoustiError(f"'{name}' must be a number of seconds, not {_kind(value)}")
        if not math.isfinite(value) or value < 0:
            raise SecoustiError(f"'{name}' is {value}; it must be 0 or more seconds")
    if len(set(found.values())) > 1:
        raise SecoustiError(f"{' and '.join(map(repr, found))} contradict each other")
    return float(next(iter(found.values()))) if found else None


def _channel(value: Any) -> int | None:
    """A number of a channel; what others write there (a name) is theirs."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", type(None): "null", str: "a text"}
    text = names.get(type(value), json.dumps(value, default=str))
    return f"{value!r:.60}" if isinstance(value, str) and value else text


def _join(folder: str, audio: str) -> str:
    if is_url(folder):
        return f"{folder}/{audio}"
    return os.path.join(folder, audio)


def _folder_of(manifest: str) -> str:
    if is_url(manifest):
        return manifest.rsplit("/", 1)[0]
    return str(Path(manifest).parent)
