"""Tables of recordings: text files with a line of column names and one recording a line.

Tab- and pipe-separated tables (Common Voice, LJSpeech's kind) know no quotation: a quotation mark
in them is part of a text. Tables with commas or semicolons follow RFC 4180.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from secousti.errors import SecoustiError
from secousti.manifest import OnFault

FILE = ("audio", "audio_filepath", "file", "path", "file_name", "filename", "wav", "id", "name")
TEXT = ("text", "transcript", "transcription", "sentence", "normalized_text")
SPEAKER = ("speaker", "speaker_id", "client_id", "spk")
LANGUAGE = ("language", "lang", "locale")
_PLAIN = ("\t", "|")
_MOST_LINES = 50  # of one quoted field
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Line = tuple[int, str]  # its number from 1, and its text


def read_table(path: str | Path, on_fault: OnFault) -> Iterator[tuple[int, dict[str, str]]]:
    """(number of the line, its fields by column name in lower case) of every row.

    A row with more or fewer fields than there are columns, or with a quotation that does not end,
    is a fault and takes no other row with it.

    Raises:
        SecoustiError: the file cannot be read.
    """
    lines = read_text_lines(path, on_fault)
    number, header = next(lines, (0, ""))
    if not number:
        return
    delimiter = "\t" if str(path).endswith(".tsv") else max(",;|\t", key=header.count)
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    rows = _plain(lines, delimiter) if delimiter in _PLAIN else _quoted(lines, delimiter, names)
    for number, fields in rows:
        if isinstance(fields, str):
            on_fault(number, fields)
            continue
        while len(fields) > len(names) and not fields[-1].strip():
            fields.pop()
        if len(fields) != len(names):
            on_fault(number, f"{len(fields)} fields, of {len(names)} columns")
            continue
        yield number, dict(zip(names, fields, strict=True))


def read_text_lines(path: str | Path, on_fault: OnFault) -> Iterator[Line]:
    """The lines of a text file that are not empty; one that is not UTF-8 becomes a fault.

    Raises:
        SecoustiError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            begun = file.read(2)
            file.seek(0)
            if begun in _UTF16:  # as spreadsheets save "Unicode text"
                yield from _filled(enumerate(file.read().decode("utf-16").splitlines(), start=1))
                return
            for number, line in enumerate(file, start=1):
                try:
                    text = line.decode("utf-8-sig").rstrip("\r\n")
                except UnicodeDecodeError:
                    on_fault(number, "not UTF-8; convert the file, e.g. with iconv")
                    continue
                yield from _filled([(number, text)])
    except (OSError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} cannot be read: {error}") from None


def first_of(entry: Mapping[str, object], names: Iterable[str]) -> str:
    """The first of the named fields that is filled, as text; empty if none is."""
    found = (entry.get(name) for name in names)
    return next((str(value).strip() for value in found if value not in (None, "")), "")


def _filled(lines: Iterable[Line]) -> Iterator[Line]:
    return ((number, text) for number, text in lines if text.strip())


def _plain(lines: Iterable[Line], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    for number, text in lines:
        yield number, text.split(delimiter)


def _quoted(
    lines: Iterator[Line], delimiter: str, names: list[str]
) -> Iterator[tuple[int, list[str] | str]]:
    """Rows that may go over several lines; a fault instead of a row that swallows others."""
    ahead: list[Line] = []
    while ahead or (ahead := _more(lines, [])):
        number = ahead[0][0]
        for count in range(1, _MOST_LINES + 1):
            if count > len(ahead) and len(ahead := _more(lines, ahead)) < count:
                break
            fields = _parse([text for _, text in ahead[:count]], delimiter)
            if fields is not None:
                break
        else:
            fields = None
        swallows = any(
            len(_parse([text], delimiter) or ()) == len(names) for _, text in ahead[1:count]
        )
        if fields is None or (count > 1 and (swallows or len(fields) != len(names))):
            yield number, "a quotation mark opens a field and does not close it"
            ahead = ahead[1:]
        else:
            yield number, fields
            ahead = ahead[count:]


def _more(lines: Iterator[Line], ahead: list[Line]) -> list[Line]:
    line = next(lines, None)
    return ahead if line is None else [*ahead, line]


def _parse(texts: list[str], delimiter: str) -> list[str] | None:
    """The fields of one row; ``None`` if it goes on."""
    try:
        rows = list(csv.reader(["\n".join(texts)], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        if len(texts) > 1:
            return []  # it ends in the middle of a field of another row
        rows = list(csv.reader(["\n".join(texts)], delimiter=delimiter))  # "Stop," he said
    return [" ".join(field.split("\n")) for row in rows for field in row]
