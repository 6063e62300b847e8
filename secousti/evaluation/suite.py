"""A suite: one YAML file that says which recordings, codecs, metrics and pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from secousti.errors import SecoustiError
from secousti.evaluation.datasets import DataConfig

Task = Literal["reconstruction", "conversion", "probes", "voices"]
DEFAULT_METRICS = (
    "pesq",
    "stoi",
    "estoi",
    "speaker_similarity",
    "lsd",
    "mcd",
    "msep",
    "vuv",
    "dnsmos",
    "wer",
    "wer_increase",
    "dwer",
)
DEFAULT_FIGURES = ("quality_bitrate", "speakers", "codebook")


@dataclass(frozen=True)
class ListeningConfig:
    """Material for a listening test (webMUSHRA).

    Attributes:
        test: ``mushra`` with hidden reference and 3.5 kHz anchor, or ``abx``: which is it?
        items: utterances, chosen by ``seed``.
    """

    test: Literal["mushra", "abx"] = "mushra"
    items: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Suite:
    """What ``secousti eval`` does.

    Attributes:
        title: heading of the report.
        about: a sentence or two below it.
        task: reconstruction; conversion (tokens of one recording, voice of another); probes
            (what S, its digits, G and A know, and whose pitch converted speech has); voices (one
            recording in several voices).
        data: the recordings.
        codecs: what runs where the command line names none.
        metrics: columns, each ``name`` or ``name:option=value,...``.
        quoted: file with a paper's own rows, beside the suite's file.
        figures: pictures: quality_bitrate, speakers, codebook.
        examples: utterances in the listening rows of the page.
        listening: material for a listening test, or none.
        voices: how many voices the task ``voices`` tries.
        pairs: how many conversions the task ``probes`` listens to.
    """

    title: str = "Evaluation"
    about: str = ""
    task: Task = "reconstruction"
    data: DataConfig = field(default_factory=DataConfig)
    codecs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = DEFAULT_METRICS
    quoted: str = ""
    figures: tuple[str, ...] = DEFAULT_FIGURES
    examples: int = 6
    listening: ListeningConfig | None = None
    voices: int = 5
    pairs: int = 48


def load_suite(name: str) -> tuple[Suite, Path]:
    """The suite of this name, and the folder its file lies in.

    ``name`` is a YAML file, a file of ``configs/eval`` without its suffix, or recordings (a
    folder or a manifest), which get the default suite.

    Raises:
        SecoustiError: it is none of these, or the file is wrong; the message names the key.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return _read(path), path.parent
    for folder in suite_folders():
        if (folder / f"{name}.yaml").is_file():
            return _read(folder / f"{name}.yaml"), folder
    if path.exists():
        return Suite(title=f"Evaluation on {path.name}", data=DataConfig(str(path))), Path()
    raise SecoustiError(
        f"no suite '{name}': name a YAML file, a folder or manifest of recordings, or one of: "
        + ", ".join(suite_names())
    )


def suite_folders() -> list[Path]:
    """Where suites lie: ``configs/eval`` here and in the checkout this package runs from."""
    checkout = Path(__file__).parents[2]
    folders = [Path("configs/eval"), checkout / "configs" / "eval"]
    return [folder for folder in folders if folder.is_dir()]


def suite_names() -> list[str]:
    """Names of the suites at hand."""
    return sorted({path.stem for folder in suite_folders() for path in folder.glob("*.yaml")})


def _read(path: Path) -> Suite:
    import yaml

    from secousti.config import from_dict

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SecoustiError(f"cannot read the suite {path}: {error}") from error
    except yaml.YAMLError as error:
        raise SecoustiError(f"the suite {path} is no YAML: {error}") from error
    return from_dict(Suite, document, str(path))


def parse_spec(text: str) -> tuple[str, dict[str, str]]:
    """``name:option=value,option=value`` -> name and options.

    Raises:
        SecoustiError: an option without ``=``.
    """
    name, _, rest = text.partition(":")
    if os.path.exists(text) or not rest:
        return text, {}
    options: dict[str, str] = {}
    for part in rest.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise SecoustiError(f"'{text}': expected NAME:OPTION=VALUE,..., found '{part}'")
        options[key.strip()] = value.strip()
    return name, options


def typed_options(kind: type, options: dict[str, str]) -> dict[str, Any]:
    """Options as text -> values of the types that the dataclass ``kind`` declares.

    Raises:
        SecoustiError: a value is no number where one is expected.
    """
    declared = {entry.name: str(entry.type) for entry in fields(kind)}
    converters = {"int": int, "float": float}
    typed: dict[str, Any] = {}
    for key, value in options.items():
        try:
            typed[key] = converters.get(declared.get(key, ""), str)(value)
        except ValueError as error:
            raise SecoustiError(f"option {key}: '{value}' is no {declared[key]}") from error
    return typed
