"""A recipe: which files of ``configs/`` train one after another, and for how much of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.division import Recordings
from secousti.config import CodecConfig, from_dict, read_yaml, to_dict, within
from secousti.errors import SecoustiError
from train.budget.documents import CONFIGS, can_score, phase_document
from train.budget.launch import Planned
from train.budget.phase import Kind, Phase
from train.speedrun.preparation import Preparation


@dataclass(frozen=True)
class PhaseSpec:
    """One phase of a recipe.

    Attributes:
        file: of ``configs/``. share: of the time that training gets. stages: shares within it.
        after: the phase whose model it starts from.
        codec: of a vocoder, the phase whose decoded mels it trains on instead of recordings'.
        vocoder: of a codec, the phase whose vocoder validation uses.
        listener: of a codec, the phase whose listener judges its voices.
        changes: ``key=value``.
    """

    kind: Kind
    file: str
    share: float
    stages: dict[str, float] = field(default_factory=dict)
    after: str | None = None
    codec: str | None = None
    vocoder: str | None = None
    listener: str | None = None
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        within(self.file, self, share=(0.001, 1000))
        if any(not share > 0 for share in self.stages.values()):
            raise SecoustiError(f"{self.file}: shares of stages must be above 0: {self.stages}")

    def needs(self) -> list[str]:
        """The phases that it takes something from."""
        given = (self.after, self.codec, self.vocoder, self.listener)
        return [name for name in given if name is not None]


@dataclass(frozen=True)
class Recipe:
    """Phases in order; ``codec`` and ``vocoder`` are those whose models are joined at the end."""

    phases: dict[str, PhaseSpec]
    codec: str
    vocoder: str
    preparation: Preparation = field(default_factory=Preparation)


def read_recipe(path: Path) -> Recipe:
    """The recipe of a YAML file.

    Raises:
        SecoustiError: a missing file, an unknown key, a share that is none, or a phase that needs
            one after it.
    """
    document = read_yaml(path)
    listed = document.get("phases")
    if not isinstance(listed, dict) or not listed:
        raise SecoustiError(f"{path} has no phases")
    recipe = from_dict(Recipe, document, str(path))
    known: list[str] = []
    for name, spec in recipe.phases.items():
        if missing := [other for other in spec.needs() if other not in known]:
            raise SecoustiError(f"{path}: {name} needs {missing[0]!r}, which is no phase before it")
        if not (CONFIGS / spec.file).is_file():
            raise SecoustiError(f"{path}: {name} is to train {spec.file}, which configs/ lacks")
        known.append(name)
    if missing := [name for name in (recipe.codec, recipe.vocoder) if name not in known]:
        raise SecoustiError(f"{path}: {missing[0]!r} is no phase")
    return recipe


class Plan:
    """The phases of a recipe in a job's folder.

    Args:
        alignments: manifests with timed phonemes.
        changes: the command line's, which come last.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        recordings: Recordings,
        alignments: list[str],
        changes: tuple[str, ...],
    ) -> None:
        self.recipe, self.folder, self.recordings = recipe, folder.resolve(), recordings
        self.alignments, self.changes = alignments, changes

    def planned(self) -> list[Planned]:
        """Every phase in order."""
        return [self._planned(name, spec) for name, spec in self.recipe.phases.items()]

    def check(self) -> None:
        """Raise a ``SecoustiError`` where a phase's file, as changed, is none."""
        for planned in self.planned():
            planned.phase.write(planned.document())
            planned.phase.config()

    def model(self, name: str) -> Path:
        """What a phase leaves for use."""
        return self.folder / "runs" / name / self.recipe.phases[name].kind

    def _planned(self, name: str, spec: PhaseSpec) -> Planned:
        phase = Phase(self.folder, name, spec.kind, dict(spec.stages))
        make: Callable[[], dict[str, Any]] = lambda: self.document(name, spec)  # noqa: E731
        return Planned(phase, spec.share, make)

    def document(self, name: str, spec: PhaseSpec) -> dict[str, Any]:
        """The training file of a phase."""
        filled = {
            "codec": self._codec_values,
            "vocoder": self._vocoder_values,
            "listener": self._listener_values,
        }[spec.kind](spec)
        changes = (*spec.changes, *self.changes)
        file, cache = CONFIGS / spec.file, self.folder / "cache"
        return phase_document(file, spec.kind, name, self.recordings, cache, filled, changes)

    def _codec_values(self, spec: PhaseSpec) -> dict[str, Any]:
        training: dict[str, Any] = {"data": {"alignments": self.alignments}, "run": {}}
        training["warm_start"] = None if spec.after is None else str(self.model(spec.after))
        if spec.vocoder is not None:
            scored = can_score()
            training["run"]["vocoder"] = str(self.model(spec.vocoder)) if scored else None
            training["run"] |= {} if scored else {"best": "token_mel"}
        if spec.listener is not None:
            training["objective"] = {"listener": str(self.model(spec.listener))}
        return {"training": training}

    def _vocoder_values(self, spec: PhaseSpec) -> dict[str, Any]:
        data: dict[str, Any] = {"unseen_speakers": self.recordings.unseen_speakers}
        data["codec"] = None if spec.codec is None else str(self.model(spec.codec))
        if not can_score():
            data["valid_utterances"] = 0
        init = None if spec.after is None else str(self.model(spec.after))
        return {"mel": self._mel(), "training": {"data": data, "run": {"init": init}}}

    def _listener_values(self, spec: PhaseSpec) -> dict[str, Any]:
        return {"mel": self._mel()}

    def _mel(self) -> dict[str, Any]:
        """Of the codec that the recipe ends with."""
        name = self.recipe.codec
        document = self.document(name, self.recipe.phases[name])
        mel: dict[str, Any] = to_dict(from_dict(CodecConfig, document.get("codec", {})).mel)
        return mel
