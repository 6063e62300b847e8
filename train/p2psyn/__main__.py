"""``accelerate launch -m train.p2psyn COMMAND FILE``: the stages of P2PSynCodec's training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train.engine.command import Changes, Fresh, Set, one_sentence

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
File = Annotated[Path, typer.Argument(help="YAML file, see configs/p2psyn")]
Teacher = Annotated[str | None, typer.Option(help="a saved teacher; default: the run's best")]


@app.callback()
def about() -> None:
    """Train and analyse P2PSynCodec: teacher, tokens, pseudo, maybe receiver; then analyse."""


@app.command()
def teacher(file: File, changes: Changes = None, set: Set = None, fresh: Fresh = False) -> None:
    """Stage 1: train the teacher, or resume it."""
    from train.p2psyn.config import load
    from train.p2psyn.teacher import train_teacher

    print(train_teacher(load(file, _all(changes, set)), not fresh))


@app.command()
def tokens(file: File, changes: Changes = None, teacher: Teacher = None, set: Set = None) -> None:
    """Extract the teacher's tokens of the corpus, once, for stage 2."""
    from train.p2psyn.config import load
    from train.p2psyn.pseudo import extract_tokens

    for path in extract_tokens(load(file, _all(changes, set)), teacher):
        print(path)


@app.command()
def pseudo(
    file: File,
    changes: Changes = None,
    teacher: Teacher = None,
    name: Annotated[str, typer.Option(help="folder below the run's output")] = "pseudo",
    set: Set = None,
    fresh: Fresh = False,
) -> None:
    """Stage 2: train the pseudo VQs on the extracted tokens, or resume."""
    from train.p2psyn.config import load
    from train.p2psyn.pseudo import train_pseudo

    print(train_pseudo(load(file, _all(changes, set)), teacher, name, not fresh))


@app.command()
def receiver(
    file: File,
    changes: Changes = None,
    codec: Annotated[
        str | None, typer.Option(help="a saved codec; default: the best of the run's stage 2")
    ] = None,
    name: Annotated[str, typer.Option(help="folder below the run's output")] = "receiver",
    set: Set = None,
    fresh: Fresh = False,
) -> None:
    """Stage 3, not the paper's: tune decoder and pseudo VQs on what arrives; tokens stay."""
    from train.p2psyn.config import load
    from train.p2psyn.receiver import train_receiver

    print(train_receiver(load(file, _all(changes, set)), codec, name, not fresh))


@app.command()
def analyse(
    models: Annotated[list[str], typer.Argument(help="saved codecs; several make Table 2")],
    data: Annotated[str, typer.Option(help="a folder or manifest of recordings")],
    output: Annotated[Path, typer.Option(help="folder for the report")] = Path("analysis"),
    limit: Annotated[int | None, typer.Option(help="recordings, spread over speakers")] = None,
    metrics: Annotated[str, typer.Option(help="names, with commas")] = "pesq,stoi",
) -> None:
    """Answer the review's questions about saved codecs: tables, intervals and pictures."""
    from secousti.evaluation.datasets import DataConfig
    from secousti.evaluation.p2psyn.run import analyse as measure
    from secousti.evaluation.p2psyn.run import write
    from secousti.p2psyn.codec import P2PSynCodec

    chosen = [name for name in metrics.split(",") if name]
    recordings = DataConfig(path=data, limit=limit)
    analyses = [
        measure(P2PSynCodec.from_pretrained(model), recordings, chosen, name=Path(model).name)
        for model in models
    ]
    print(write(analyses, output))


def _all(changes: list[str] | None, set: list[str] | None) -> tuple[str, ...]:
    return (*(changes or ()), *(set or ()))


def main() -> None:
    """Run a command; a problem the user can act on is one sentence and exit status 1."""
    with one_sentence():
        app()


if __name__ == "__main__":
    main()
