"""What commands there are, and in which module each is found."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command is listed in ``--help`` and which module holds its function."""

    panel: str
    module: str


COMMANDS = {
    "encode": Entry("Speech and tokens", "secousti.cli.encode"),
    "decode": Entry("Speech and tokens", "secousti.cli.decode"),
    "convert": Entry("Speech and tokens", "secousti.cli.convert"),
    "roundtrip": Entry("Speech and tokens", "secousti.cli.roundtrip"),
    "extract": Entry("Speech and tokens", "secousti.cli.extract"),
    "info": Entry("Speech and tokens", "secousti.cli.info"),
    "live": Entry("Speech and tokens", "secousti.cli.live"),
    "demo": Entry("Speech and tokens", "secousti.cli.demo"),
    "serve": Entry("Speech and tokens", "secousti.cli.serve"),
    "models": Entry("Models", "secousti.cli.models"),
    "export": Entry("Models", "secousti.cli.export"),
    "import-release": Entry("Models", "secousti.cli.import_release"),
    "eval": Entry("Research", "secousti.cli.eval"),
}
