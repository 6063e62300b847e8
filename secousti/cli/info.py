"""``secousti info``."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from secousti.cli.options import Inputs, MaxSeconds, TableFormat
from secousti.container.limits import MAX_SECONDS

if TYPE_CHECKING:
    from rich.table import Table

    from secousti.container.header import Header
    from secousti.container.info import Info


def info(
    inputs: Inputs,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for programs.")
    ] = False,
    as_bytes: Annotated[
        bool, typer.Option("--bytes", help="Every byte of a file and what it means.")
    ] = False,
    max_seconds: MaxSeconds = MAX_SECONDS,
    format: TableFormat = "table",
) -> None:
    """What .sct files hold, checked to the last byte, and where every bit goes.

    secousti info speech.sct

    secousti info tokens --json
    """
    from secousti.console import console, print_plain
    from secousti.container import info as container
    from secousti.hub.catalog import coders_at_hand

    if as_bytes and "-" in inputs:
        raise typer.BadParameter("--bytes reads twice, so it needs files instead of a pipe")
    every = container.info(inputs, max_seconds, coders_at_hand)
    if format != "table":
        lines = [dict(row for section in _sections(found) for row in section) for found in every]
        rows = [[found.name, *line.values()] for found, line in zip(every, lines, strict=True)]
        print_plain(format, ["file", *(lines[0] if lines else ())], rows)
        return
    for found in every:
        if as_bytes:
            typer.echo("\n".join(_bytes(found.name)))
        elif as_json:
            typer.echo(_json(found))
        else:
            console().print(_table(found))


def _table(found: Info) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from secousti.errors import printable
    from secousti.paths import readable

    name = escape(printable(readable(found.name)))
    table = Table(title=name, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    for section in _sections(found):
        for name, value in section:
            table.add_row(name, escape(value))
        table.add_section()
    return table


def _sections(found: Info) -> list[list[tuple[str, str]]]:
    return [_origin(found), _size(found), _bits(found)]


def _origin(found: Info) -> list[tuple[str, str]]:
    header = found.header
    source = header.source_sample_rate
    return [
        ("tokens of", _codec(header)),
        ("decoded by", ", ".join(_readers(header)) or "no model at hand"),
        ("sample rate", f"{header.sample_rate} Hz"),
        ("recorded at", "unknown" if source is None else f"{source} Hz"),
        ("duration", f"{found.duration:.3f} s ({found.num_samples} samples)"),
    ]


def _codec(header: Header) -> str:
    if header.token_hash:
        return f"token hash {header.token_hash}"
    return f"{header.model} (weights {header.weights})"


def _readers(header: Header) -> list[str]:
    """Names of the models at hand that read the tokens."""
    from secousti.hub.catalog import readers

    return [entry.name for entry in readers(header)]


def _size(found: Info) -> list[tuple[str, str]]:
    header = found.header
    per_token = f"{header.codebook_size} = {math.log2(header.codebook_size):.2f} bits"
    return [
        ("tokens", f"{found.tokens} at {header.frame_rate * header.num_codebooks:.2f} per second"),
        ("codebook", f"{header.num_codebooks} x {per_token}"),
        ("payload", f"{header.payload}, {found.bits_per_token:.2f} bits per token"),
        ("records", f"{found.runs} of tokens, {found.voices} of the voice"),
        ("nominal", f"{found.nominal_bitrate / 1000:.3f} kbit/s of tokens"),
    ]


def _bits(found: Info) -> list[tuple[str, str]]:
    parts = {
        "tokens on disk": found.bits.tokens,
        "voice": found.bits.side_information,
        "container": found.bits.container,
        "whole file": found.bits.total,
    }
    return [
        (name, f"{bits} bits = {found.rate(bits) / 1000:.3f} kbit/s")
        for name, bits in parts.items()
    ]


def _json(found: Info) -> str:
    bits = found.bits
    values = {
        "name": found.name,
        "duration": found.duration,
        "num_samples": found.num_samples,
        "source_num_samples": found.source_num_samples or None,
        "tokens": found.tokens,
        "bits_per_token": found.bits_per_token,
        "nominal_bitrate": found.nominal_bitrate,
        "bitrate": found.rate(bits.total),
        "bits": {**dataclasses.asdict(bits), "total": bits.total},
        "decoded_by": _readers(found.header),
        "header": dataclasses.asdict(found.header),
    }
    return json.dumps(values, allow_nan=False)  # ASCII: no control character reaches a terminal


def _bytes(path: str) -> Iterator[str]:
    """Offset, hex and meaning, 16 bytes a line; text is shown as it is."""
    from secousti.container.dump import fields
    from secousti.hub.catalog import coders_at_hand

    with open(path, "rb") as file:
        for field in fields(file, coders_at_hand):
            is_text = field.meaning.encode() == field.data
            for start in range(0, len(field.data), 16):
                row = field.data[start : start + 16]
                said = _printable(row.decode(errors="replace")) if is_text else field.meaning
                shown = said if is_text or start == 0 else ""
                yield f"{field.offset + start:6}  {row.hex(' '):47}  {shown}".rstrip()


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "." for character in text)
