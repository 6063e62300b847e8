"""``python -m data_prep COMMAND``: each command is one function, imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from secousti.errors import SecoustiError, print_notes
from secousti.paths import of_system

# name -> (module, function, one line of help)
COMMANDS = {
    "fetch-mini": ("data_prep.mini", "fetch_mini", "a small corpus to train on, from nothing"),
    "record": ("data_prep.record", "record", "sentences read aloud, with their texts"),
    "manifest": ("data_prep.manifest_command", "manifest", "a corpus as JSON Lines"),
    "prepare": ("data_prep.prepare_command", "prepare", "corpora to training shards"),
    "align": ("data_prep.alignment.command", "align", "phonemes and words with times"),
    "train-aligner": ("data_prep.alignment.train_command", "train_aligner", "your own aligner"),
}


def main(arguments: list[str]) -> int:
    """Run one command; gives the exit status."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        known = "\n".join(f"  {key:14} {entry[2]}" for key, entry in COMMANDS.items())
        print(f"usage: python -m data_prep COMMAND ...\n\ncommands:\n{known}", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    module, function, _ = COMMANDS[name]
    app = typer.Typer(add_completion=False)
    app.command()(getattr(import_module(module), function))
    print_notes("data_prep")
    try:
        app(arguments[1:], prog_name=f"python -m data_prep {name}")
    except SystemExit as end:  # Typer's way to say that it is done, or of a wrong usage
        return end.code if isinstance(end.code, int) else 0
    except (SecoustiError, OSError) as error:
        says = of_system(error) if isinstance(error, OSError) else error
        print(f"error: {says}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
