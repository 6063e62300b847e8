"""The Typer application: commands are imported only when they are called or listed."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from secousti.cli.commands import COMMANDS, Entry
from secousti.cli.streams import complete_streams, finish_output
from secousti.errors import SecoustiError, print_notes, printable
from secousti.paths import of_system


class LazyGroup(TyperGroup):
    """Commands from the table in ``secousti.cli``, imported on demand."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or ``None`` for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = load_command(cmd_name, COMMANDS[cmd_name])
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load only the command that was called; an unknown one is compared with all names."""
        if args and args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def load_command(name: str, entry: Entry) -> Any:
    """Import ``entry.module`` and make a command of what it exports under ``name``.

    That is a function, or a ``typer.Typer`` for a command with commands of its own.
    """
    exported = getattr(importlib.import_module(entry.module), name.replace("-", "_"))
    if isinstance(exported, typer.Typer):
        command = typer.main.get_command(exported)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode="rich")
        single.command(name, rich_help_panel=entry.panel, no_args_is_help=False)(exported)
        command = typer.main.get_command(single)
    command.name = name
    command.rich_help_panel = entry.panel  # type: ignore[attr-defined]
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from secousti.version import __version__

        typer.echo(f"secousti {__version__}")
        raise typer.Exit


@app.callback()
def secousti(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and exit."),
    ] = False,
) -> None:
    """Speech as a few hundred bits a second: tokens that say what, one small vector that says who.

    Try it on any recording:

      secousti roundtrip speech.wav -o heard.wav

      secousti encode speech.wav -o speech.sct

      secousti decode speech.sct -o again.wav

      cat speech.wav | secousti encode - -o - | secousti decode - -o - > live.wav

    Every command explains itself: secousti COMMAND --help
    """


def run(argv: list[str] | None = None) -> None:
    """Run the application; a ``SecoustiError`` becomes one sentence on stderr and exit code 1."""
    complete_streams()
    print_notes("secousti")
    try:
        try:
            app(args=argv, prog_name="secousti")
        finally:
            finish_output()
    except BrokenPipeError:
        # The reader of our output has left: end quietly, as other tools do.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        _discard_output()
        _fail(of_system(error))
    except SecoustiError as error:
        _discard_output()
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    typer.echo(printable(f"secousti: error: {sentence}"), err=True)
    sys.exit(1)


def _discard_output() -> None:
    """What is still held back of the output has nowhere to go."""
    with suppress(OSError, ValueError, AttributeError, SecoustiError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
