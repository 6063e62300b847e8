"""From a training run to a bundled model: half precision, card, results; and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from secousti import P2PSynCodec, SecoustiCodec, SecoustiError
from secousti.hub import resolve
from secousti.vocoder.files import save_vocoder
from tests.p2psyn.toy import half_causal_codec, toy_codec
from tests.toy import toy_codec as toy_secousti
from train.tools import pack as packing

Pack = Callable[..., str]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What stage 2 of training leaves."""
    return toy_codec(causal=True).save_pretrained(tmp_path / "runs" / "pseudo" / "best")


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pack:
    """``python -m train.pack ARGUMENTS``; what it says."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["pack", *map(str, arguments)])
        with suppress(SystemExit):
            packing.main()
        said = capsys.readouterr()
        return said.out + said.err

    return run


def test_a_run_becomes_a_model(
    pack: Pack, run_folder: Path, tmp_path: Path, speech: torch.Tensor, monkeypatch
) -> None:
    """Half precision, named after its folder, found by name; nearly the tokens of the run."""
    about = tmp_path / "about.md"
    about.write_text("## Trained on\n\nnoise, under no licence\n")
    output = tmp_path / "bundled" / "p2psyn-toy"
    said = pack(run_folder, "-o", output, "--about", about)
    monkeypatch.setattr(resolve, "BUNDLED", output.parent)
    packed = P2PSynCodec.from_pretrained("p2psyn-toy")
    assert said.startswith("p2psyn-toy: ")
    assert packed.weight_hash in said
    assert packed.model_id == "p2psyn-toy"
    weights = load_file(output / "model.safetensors")
    assert {t.dtype for t in weights.values() if t.is_floating_point()} == {torch.float16}
    assert packed.dtype == torch.float32
    trained = toy_codec(causal=True).encode(speech, 16000).codes
    assert (packed.encode(speech, packed.sample_rate).codes == trained).float().mean() > 0.97
    card = (output / "README.md").read_text()
    for fact in (
        'P2PSynCodec.from_pretrained("p2psyn-toy")',
        "250 bit/s",
        "22.5 ms",
        packed.weight_hash,
        "No results are recorded",
        "under no licence",
    ):
        assert fact in card


def test_packing_what_is_packed_changes_nothing(
    pack: Pack, run_folder: Path, tmp_path: Path
) -> None:
    """So results can be added to a model after they were measured with it."""
    pack(run_folder, "-o", tmp_path / "once")
    before = (tmp_path / "once" / "model.safetensors").read_bytes()
    pack(tmp_path / "once", "-o", tmp_path / "once")
    assert (tmp_path / "once" / "model.safetensors").read_bytes() == before


def test_receivers_of_one_teacher_still_fit_when_packed(
    pack: Pack, run_folder: Path, tmp_path: Path, speech: torch.Tensor
) -> None:
    sender = P2PSynCodec.from_pretrained(run_folder)
    other = half_causal_codec()
    other.teacher.load_state_dict(sender.teacher.state_dict())
    other.save_pretrained(tmp_path / "receiver")
    for name, folder in (("a", run_folder), ("b", tmp_path / "receiver")):
        pack(folder, "-o", tmp_path / "packed" / name)
    a, b = (P2PSynCodec.from_pretrained(tmp_path / "packed" / name) for name in "ab")
    encoded = a.encode(speech, a.sample_rate)
    a.use_pseudo(b)
    assert torch.equal(a.decode(encoded), b.decode(encoded))


def test_results_come_from_a_report(pack: Pack, run_folder: Path, tmp_path: Path) -> None:
    row = {"estimates": {"stoi": {"mean": 0.81234}, "wer": {"mean": None}}, "tokens": []}
    tokens = {"tokens": 12345, "utilisation": 0.5, "perplexity": 300.26}
    document = {
        "utterances": 60,
        "speakers": 26,
        "columns": [
            {"name": "stoi", "label": "STOI", "unit": ""},
            {"name": "wer", "label": "WER", "unit": "%"},
        ],
        "codecs": [
            {"info": {"name": "reference"}, **row},
            {"info": {"name": "toy"}, **row, "tokens": [tokens]},
            {"info": {"name": "toy-plain"}, **row},
        ],
    }
    report, output = tmp_path / "report", tmp_path / "toy"
    assert "make it with secousti eval" in pack(run_folder, "-o", output, "--report", report)
    report.mkdir()
    (report / "report.json").write_text(json.dumps(document))
    pack(run_folder, "-o", output, "--report", report)
    sets = json.loads((output / "results.json").read_text())["results"]
    assert sets == {
        "60 recordings of 26 speakers": {
            "STOI": 0.8123,
            "utilisation, 12,345 tokens (%)": 50.0,
            "perplexity": 300.3,
        },
        "60 recordings of 26 speakers (toy-plain)": {"STOI": 0.8123},
    }
    assert (
        "| 60 recordings of 26 speakers (toy-plain) | 0.8123 |"
        in (output / "README.md").read_text()
    )
    said = pack(run_folder, "-o", tmp_path / "other", "--report", report)
    assert "has no row of 'other'; it has reference, toy, toy-plain" in said


def test_a_secousti_codec_gets_its_vocoder(pack: Pack, tmp_path: Path) -> None:
    whole = toy_secousti()
    assert whole.vocoder is not None
    assert whole.config.vocoder is not None
    toy_secousti(vocoder=False).save_pretrained(tmp_path / "codec")
    save_vocoder(whole.vocoder, whole.config.vocoder, tmp_path / "vocoder")
    pack(tmp_path / "codec", tmp_path / "vocoder", "-o", tmp_path / "toy")
    packed = SecoustiCodec.from_pretrained(tmp_path / "toy")
    assert packed.vocoder is not None
    assert packed.config == whole.config
    assert packed.model_id == "toy"


def test_what_cannot_be_packed_is_one_sentence(
    pack: Pack, run_folder: Path, tmp_path: Path
) -> None:
    said = pack(run_folder, tmp_path, "-o", tmp_path / "x")
    assert said == f"error: {run_folder} holds a P2PSynCodec, which needs no vocoder\n"
    ours = toy_secousti(vocoder=False).save_pretrained(tmp_path / "ours")
    assert "name its vocoder's folder too" in pack(ours, "-o", tmp_path / "x")
    teacher = toy_codec().teacher.save_pretrained(tmp_path / "teacher")
    assert "'p2psyn-teacher' model" in pack(teacher, "-o", tmp_path / "x")
    loud = toy_codec()
    loud.teacher.quantizer.codebooks.data.mul_(1e7)
    with pytest.raises(
        SecoustiError, match=r"teacher\.quantizer\.codebooks are not finite as .*16"
    ):
        loud.save_pretrained(tmp_path / "loud", dtype=torch.float16)
