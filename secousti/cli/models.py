"""``secousti models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secousti.hub.catalog import ModelEntry


def models() -> None:
    """List the models at hand: bundled with the package, or cached from the Hugging Face Hub.

    With the bit rate of their tokens and the delay that no computer can take away. Any of these
    names goes after --model; so do a directory and org/name on the Hub:

      secousti models

      secousti encode speech.wav -o speech.sct --model mini-21hz
    """
    from rich.console import Console
    from rich.table import Table

    from secousti.hub import catalog

    table = Table(title="Models on this machine")
    table.add_column("name", overflow="fold")
    table.add_column("codec")
    for column in ("Hz", "bit/s", "latency", "weights"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("where")
    for model in catalog.models():
        table.add_row(model.name, model.kind, *_numbers(model), model.where)
    Console().print(table)


def _numbers(model: ModelEntry) -> tuple[str, str, str, str]:
    """Sample rate, bit rate, latency and size as they are shown."""
    size = f"{model.size / 1e6:.1f} MB"
    facts = model.facts()
    if facts is None:
        return "-", "-", "-", size
    latency = "-" if facts.latency is None else f"{1e3 * facts.latency:.1f} ms"
    return str(facts.sample_rate), f"{facts.bitrate:.0f}", latency, size
