"""The command line: ``secousti COMMAND ...``. One file per command; it parses and calls.

To add a command ``shout``:

1. write ``secousti/cli/shout.py`` with a function ``shout`` whose parameters are Typer options
   (shared ones are in ``options.py``) and whose docstring is the help text, with examples;
2. add the line ``"shout": Entry("Work", "secousti.cli.shout")`` to ``COMMANDS`` (``commands.py``).

A module of the command line imports only typer, rich and the standard library at its top: what
needs torch is imported inside the function, so that ``--help`` stays instant. A problem the user
can act on is raised as ``SecoustiError``; ``main`` prints its sentence and exits with 1.
"""

from __future__ import annotations


def main(argv: list[str] | None = None) -> None:
    """Run ``secousti argv`` and exit: 0 done, 1 a problem explained on stderr, 2 wrong usage."""
    from secousti.cli.app import run

    run(argv)
