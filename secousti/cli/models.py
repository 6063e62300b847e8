"""``secousti models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from secousti.cli.options import TableFormat

if TYPE_CHECKING:
    from secousti.hub.catalog import ModelEntry


def models(format: TableFormat = "table") -> None:
    """List the models at hand: bundled with the package, or cached from the Hugging Face Hub.

    With the bit rate of their tokens and the delay that no computer can take away. Any of these
    names goes after --model; so do a directory and org/name on the Hub:

      secousti models

      secousti models --format csv

      secousti encode speech.wav -o speech.sct --model mini-21hz
    """
    from rich.table import Table

    from secousti.console import console, print_plain
    from secousti.hub import catalog

    headings = ["name", "codec", "Hz", "bit/s", "latency", "weights", "where"]
    rows = [[m.name, m.kind, *_numbers(m), m.where] for m in catalog.models()]
    if format != "table":
        print_plain(format, headings, rows)
        return
    table = Table(title="Models on this machine")
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right" if 2 <= place < 6 else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def _numbers(model: ModelEntry) -> tuple[str, str, str, str]:
    """Sample rate, bit rate, latency and size as they are shown."""
    size = f"{model.size / 1e6:.1f} MB"
    facts = model.facts()
    if facts is None:
        return "-", "-", "-", size
    latency = "-" if facts.latency is None else f"{1e3 * facts.latency:.1f} ms"
    return str(facts.sample_rate), f"{facts.bitrate:.0f}", latency, size
