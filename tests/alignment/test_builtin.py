"""The built-in aligner, trained on a toy language by the real command."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data_prep.__main__ import main
from data_prep.alignment.base import Utterance
from data_prep.alignment.builtin import BuiltinAligner
from data_prep.alignment.features import HOP, log_mel, normalise
from secousti.errors import SecoustiError
from tests.alignment.toy import RATE, WORDS, say


def _utterance(words: list[str], seed: int) -> tuple[Utterance, list]:
    wav, times = say(words, seed)
    return Utterance.of(wav, RATE, phones=[WORDS[word] for word in words]), times


def test_boundaries_of_new_utterances_are_found(toy_model: Path) -> None:
    aligner = BuiltinAligner(toy_model)
    errors = []
    for seed in range(1000, 1020):
        utterance, times = _utterance(["sue", "me", "sam"], seed)
        found = aligner.align(utterance)
        assert [p[2] for p in found.phones if p[2] != "sil"] == [
            p[2] for p in times if p[2] != "sil"
        ]
        true_starts = [p[0] for p in times if p[2] != "sil"]
        starts = [p[0] for p in found.phones if p[2] != "sil"]
        errors += [abs(a - b) for a, b in zip(starts, true_starts, strict=True)]
    assert np.median(errors) < 0.010
    assert np.mean(np.array(errors) < 0.050) > 0.95


def test_phones_cover_the_audio_and_words_lie_on_them(toy_model: Path) -> None:
    utterance, _ = _utterance(["ma", "sue", "sue"], 7)
    found = BuiltinAligner(toy_model).align(utterance)
    assert found.phones[0][0] == 0
    assert found.phones[-1][1] == pytest.approx(utterance.duration, abs=1e-3)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found.phones))
    edges = {p[0] for p in found.phones} | {p[1] for p in found.phones}
    assert len(found.words) == 3
    assert all(start in edges and end in edges for start, end, _ in found.words)


def test_confidence_tells_right_from_wrong_transcripts(toy_model: Path) -> None:
    aligner = BuiltinAligner(toy_model)
    for seed in range(5):
        wav, _ = say(["sam", "sue", "me"], seed)
        right = Utterance.of(wav, RATE, phones=[WORDS[w] for w in ("sam", "sue", "me")])
        wrong = Utterance.of(wav, RATE, phones=[WORDS[w] for w in ("me", "ma", "sam")])
        assert aligner.align(right).confidence > 0.5 > aligner.align(wrong).confidence


def test_level_and_sample_rate_hardly_matter(toy_model: Path) -> None:
    aligner = BuiltinAligner(toy_model)
    wav, _ = say(["sam", "me"], 3)
    phones = [WORDS["sam"], WORDS["me"]]
    loud = aligner.align(Utterance.of(wav, RATE, phones=phones))
    quiet = aligner.align(Utterance.of(wav * 0.05, RATE, phones=phones))
    double = torch.nn.functional.interpolate(wav[None, None], scale_factor=2, mode="linear")[0, 0]
    fast = aligner.align(Utterance.of(double, 2 * RATE, phones=phones))
    for other in (quiet, fast):
        pairs = zip(loud.phones, other.phones, strict=True)
        assert max(abs(p[1] - q[1]) for p, q in pairs) < 0.02


def test_impossible_requests_are_one_sentence(toy_model: Path, tmp_path: Path) -> None:
    aligner = BuiltinAligner(toy_model)
    with pytest.raises(SecoustiError, match="too short"):
        aligner.align(Utterance.of(torch.zeros(300), RATE, phones=[["S", "AA1", "M"]]))
    with pytest.raises(SecoustiError, match="one channel"):
        Utterance.of(torch.zeros(2, 800), RATE, phones=[["S"]])
    with pytest.raises(SecoustiError, match="needs the text"):
        Utterance.of(torch.zeros(800), RATE)
    broken = tmp_path / "broken"
    shutil.copytree(toy_model, broken)
    (broken / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SecoustiError, match="no aligner"):
        BuiltinAligner(broken)


def test_features_are_centred_and_free_of_level() -> None:
    wav = 1e-4 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    wav[8000] = 1.0
    mel = log_mel(wav)
    assert mel.shape == (RATE // HOP + 1, 40)
    assert int(mel.sum(dim=1).argmax()) == 8000 // HOP
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(normalise(log_mel(noise)), normalise(log_mel(noise * 0.01)), atol=1e-3)


def test_a_killed_training_continues_to_the_same_weights(
    toy_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data_prep.alignment.training import Trainer

    small = ["--scratch", "--channels", "8", "--ctc-epochs", "2", "--rounds", "2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["train-aligner", str(toy_manifest), "-o", str(whole), *small]) == 0
    save = Trainer.save

    def stop(self: Trainer) -> None:
        save(self)
        if self.epoch in (1, 3):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save", stop)
        for _ in range(2):
            main(["train-aligner", str(toy_manifest), "-o", str(parts), *small])
    assert not (parts / "model.safetensors").exists()
    assert main(["train-aligner", str(toy_manifest), "-o", str(parts), *small]) == 0
    a, b = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(a[name], b[name]) for name in a)
    configs = [json.loads((f / "config.json").read_text()) for f in (whole, parts)]
    assert configs[0] == configs[1]


def test_a_checkpoint_of_other_settings_is_refused(toy_manifest: Path, toy_model: Path) -> None:
    arguments = ["train-aligner", str(toy_manifest), "-o", str(toy_model), "--scratch"]
    assert main([*arguments, "--channels", "16"]) == 1
