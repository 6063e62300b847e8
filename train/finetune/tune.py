"""Divide, score before, tune the decoder, tune the vocoder, join, score after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.division import Recordings
from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from train.budget.compare import compare
from train.budget.division import divided
from train.budget.documents import CONFIGS, can_score, check_changes, phase_document
from train.budget.launch import Planned, run_in_turn
from train.budget.ledger import Ledger
from train.budget.phase import Phase
from train.finetune.model import best_of, join, open_source
from train.finetune.report import write_report

_SHARES = {"codec": 0.6, "vocoder": 0.4}  # of the minutes that training gets
_BEFORE, _AFTER = "before", "after"
_SCORING = 2.5  # times the first scoring, for the second and for what joins and writes
_MOST_SCORING = 0.4  # of what is left


@dataclass(frozen=True)
class Wish:
    """What the command line says; see ``train/finetune/__main__.py``."""

    recordings: str
    model: str
    output: Path
    minutes: float
    changes: tuple[str, ...] = ()
    keep_voice: bool = False

    def job(self) -> dict[str, Any]:
        """What the job in a folder is; minutes and changes of later phases may differ."""
        model = Path(self.model)
        return {
            "recordings": str(Path(self.recordings).absolute()),
            "model": str(model.absolute()) if model.exists() else self.model,
            "keep_voice": self.keep_voice,
        }


def tune(wish: Wish) -> str:
    """Do what is asked, or go on with it; a line about what was made.

    Raises:
        SecoustiError: recordings, codec or changes that are of no use, or an interruption.
    """
    check_changes(wish.changes, list(_SHARES))
    source = open_source(wish.model)
    ledger = Ledger(wish.output, wish.minutes, wish.job())
    recordings = divided(wish.recordings, wish.output, ledger)
    reserve = _score_before(wish, recordings, ledger)
    run_in_turn(_phases(wish, source, recordings), ledger, reserve)
    return _finish(wish, recordings, ledger)


def _score_before(wish: Wish, recordings: Recordings, ledger: Ledger) -> float:
    """Score the codec as it is; seconds to keep for doing so with the tuned one."""
    if _BEFORE not in ledger.done:
        with ledger.part(_BEFORE):
            _compare(wish, {_BEFORE: wish.model}, recordings)
    return min(_SCORING * ledger.spent[_BEFORE], _MOST_SCORING * max(ledger.left(), 0.0))


def _phases(wish: Wish, source: SecoustiCodec, recordings: Recordings) -> list[Planned]:
    """The decoder, then the vocoder on what it decodes."""
    codec = Phase(wish.output.resolve(), "codec", "codec")
    vocoder = Phase(wish.output.resolve(), "vocoder", "vocoder")
    cache = wish.output / "cache"

    def codec_document() -> dict[str, Any]:
        config = to_dict(source.config) | {"vocoder": None}
        training = {"warm_start": wish.job()["model"]}
        frozen = {"freeze": ["paralinguistic"]} if wish.keep_voice else {}
        filled = {"codec": config, "training": training | frozen}
        file = CONFIGS / "finetune" / "codec.yaml"
        return phase_document(file, "codec", "codec", recordings, cache, filled, wish.changes)

    def vocoder_document() -> dict[str, Any]:
        init = _vocoder_folder(wish, source)
        data: dict[str, Any] = {"codec": str(best_of(codec.output) / "codec")}
        data["unseen_speakers"] = recordings.unseen_speakers
        if not can_score():
            data["valid_utterances"] = 0
        filled = {
            "vocoder": to_dict(source.config.vocoder),
            "mel": to_dict(source.config.mel),
            "training": {"data": data, "run": {"init": str(init)}},
        }
        file = CONFIGS / "finetune" / "vocoder.yaml"
        return phase_document(file, "vocoder", "vocoder", recordings, cache, filled, wish.changes)

    return [
        Planned(codec, _SHARES["codec"], codec_document),
        Planned(vocoder, _SHARES["vocoder"], vocoder_document),
    ]


def _vocoder_folder(wish: Wish, source: SecoustiCodec) -> Path:
    """The source's vocoder as a folder of its own, whatever it came from."""
    from secousti.vocoder.files import save_vocoder

    assert source.vocoder is not None
    assert source.config.vocoder is not None
    folder = wish.output / "runs" / "vocoder-before"
    save_vocoder(source.vocoder, source.config.vocoder, folder)
    return folder.resolve()


def _finish(wish: Wish, recordings: Recordings, ledger: Ledger) -> str:
    """Join what was trained, score it, and write the report."""
    folder = wish.output / "codec"
    if _AFTER not in ledger.done:
        with ledger.part(_AFTER):
            runs = wish.output / "runs"
            tuned = best_of(runs / "codec") / "codec"
            join(wish.model, tuned, best_of(runs / "vocoder") / "vocoder", folder)
            summary = _compare(wish, {_BEFORE: wish.model, _AFTER: str(folder)}, recordings)
            write_report(wish.output, wish.model, summary, recordings, ledger)
    print((wish.output / "report.md").read_text("utf-8"))
    return f"the codec is in {folder}: secousti decode OLD.sct -m {folder}"


def _compare(wish: Wish, codecs: dict[str, str], recordings: Recordings) -> Any:
    title = f"{wish.model}, tuned to {Path(wish.recordings).name}"
    return compare(codecs, recordings.valid, wish.output / "report", title)
