"""``secousti models``."""

from __future__ import annotations


def models() -> None:
    """List the models at hand: bundled with the package, or cached from the Hugging Face Hub.

    Any of these names goes after --model; so do a directory and org/name on the Hub:

      secousti models

      secousti encode speech.wav -o speech.sct --model mini-21hz
    """
    from rich.console import Console
    from rich.table import Table

    from secousti.hub import catalog

    table = Table(title="Models on this machine")
    for column in ("name", "codec", "where", "weights"):
        table.add_column(column)
    for model in catalog.models():
        table.add_row(model.name, model.kind, model.where, f"{model.size / 1e6:.1f} MB")
    Console().print(table)
