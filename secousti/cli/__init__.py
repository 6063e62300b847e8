"""The command line: ``secousti COMMAND ...``. One file per command; it parses and calls.

To add a command ``shout``:

1. write ``secousti/cli/shout.py`` with a function ``shout`` whose parameters are Typer options
   (shared ones are in ``options.py``) and whose docstring is the help text, with examples;
2. add the line ``"shout": Entry("Work", "secousti.cli.shout")`` to ``COMMANDS`` below.

A module of the command line imports only typer, rich and the standard library at its top: what
needs torch is imported inside the function, so that ``--help`` stays instant. A problem the user
can act on is raised as ``SecoustiError``; ``main`` prints its sentence and exits with 1.
"""

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


def main(argv: list[str] | None = None) -> None:
    """Run ``secousti argv`` and exit: 0 done, 1 a problem explained on stderr, 2 wrong usage."""
    from secousti.cli.app import run

    run(argv)
