"""A bundled P2PSynCodec by its name: every command takes it, or says what to use instead."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from secousti import P2PSynCodec, SecoustiCodec, SecoustiError, load_codec
from secousti.container.encoded import load_encoded
from secousti.evaluation.codecs import make_codec
from secousti.hub import resolve
from tests.cli.conftest import Ran, read_wav
from tests.p2psyn.toy import half_causal_codec, toy_codec
from tests.toy import toy_codec as toy_secousti

Run = Callable[..., Ran]
CAUSAL, HALF, WHOLE, OTHER = "p2psyn-toy", "p2psyn-half", "p2psyn-whole", "toy-21hz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models as if they came with the package."""
    folder = tmp_path_factory.mktemp("bundled")
    toy_codec(causal=True).save_pretrained(folder / CAUSAL)
    half_causal_codec().save_pretrained(folder / HALF)
    toy_codec().save_pretrained(folder / WHOLE)
    toy_secousti().save_pretrained(folder / OTHER)
    return folder


@pytest.fixture(autouse=True)
def bundled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "BUNDLED", folder)


def test_a_name_is_enough() -> None:
    """And the class of the other kind is one sentence that says which one it takes."""
    assert isinstance(load_codec(CAUSAL), P2PSynCodec)
    assert P2PSynCodec.from_pretrained(CAUSAL).model_id == CAUSAL
    with pytest.raises(SecoustiError, match=rf"'{CAUSAL}' is a P2PSynCodec model, not a Secousti"):
        SecoustiCodec.from_pretrained(CAUSAL)
    with pytest.raises(SecoustiError, match=r"load it with SecoustiCodec\.from_pretrained"):
        P2PSynCodec.from_pretrained(OTHER)


def test_models_are_listed_with_their_facts(secousti: Run, folder: Path) -> None:
    ran = secousti("models")
    rows = {
        cells[0]: cells[1:]
        for line in ran.out.decode().splitlines()
        if len(cells := [cell.strip() for cell in line.strip("│┃").split("│")]) == 7
    }
    for name, latency in ((CAUSAL, "22.5 ms"), (HALF, "-"), (WHOLE, "-"), (OTHER, "58.0 ms")):
        codec = load_codec(name)
        size = (folder / name / "model.safetensors").stat().st_size / 1e6
        assert rows[name] == [
            codec.kind, str(codec.sample_rate), f"{codec.bitrate:.0f}", latency,
            f"{size:.1f} MB", "bundled",
        ]  # fmt: skip


def test_files(secousti: Run, speech: Path, tmp_path: Path) -> None:
    """The file names its model, so decoding needs no option."""
    tokens, heard = tmp_path / "a.sct", tmp_path / "b.wav"
    assert secousti("encode", speech, "-o", tokens, "-m", CAUSAL).code == 0
    codec = load_codec(CAUSAL)
    encoded = codec.encode(speech, codec.sample_rate)
    assert torch.equal(load_encoded(tokens).codes, encoded.codes)
    for mode in ("all", "plain", "random"):
        ran = secousti("decode", tokens, "-o", heard, "--mode", mode, "--force")
        assert ran.code == 0, ran.err
        assert soundfile.info(heard).frames == int(encoded.num_samples[0])
        if mode != "random":  # whose draws depend on the portions
            want = codec.decode(encoded, mode=mode)[0, 0].numpy()
            np.testing.assert_allclose(soundfile.read(heard)[0], want, atol=1e-4)
    whole = secousti("roundtrip", speech, "-o", tmp_path / "c.wav", "-m", CAUSAL, "--mode", "plain")
    assert whole.code == 0


@pytest.mark.parametrize(
    ("model", "mode", "message"),
    [
        (CAUSAL, "best", "unknown decode mode 'best'"),
        (CAUSAL, "oracle", "only one is sent"),
        (OTHER, "plain", "mode 'plain' is for a P2PSynCodec"),
    ],
)
def test_modes_that_there_are_not(
    secousti: Run, speech: Path, model: str, mode: str, message: str
) -> None:
    ran = secousti("roundtrip", speech, "-o", "-", "-m", model, "--mode", mode)
    assert ran.code == 1
    assert message in ran.err
    assert ran.out == b""


def test_pipes_of_a_codec_whose_plain_path_is_causal(
    secousti: Run, speech: Path, tmp_path: Path
) -> None:
    """Encoding streams and so does the plain token; only the pseudo VQs need all of it first."""
    codec = load_codec(HALF)
    want = codec.encode(speech, codec.sample_rate)
    sent = secousti("encode", "-", "-o", "-", "-m", HALF, stdin=speech.read_bytes())
    assert sent.code == 0, sent.err
    (tmp_path / "a.sct").write_bytes(sent.out)
    assert torch.equal(load_encoded(tmp_path / "a.sct").codes, want.codes)
    plain = secousti("decode", "-", "-o", "-", "--mode", "plain", stdin=sent.out)
    assert plain.code == 0, plain.err
    (tmp_path / "b.wav").write_bytes(plain.out)
    np.testing.assert_allclose(
        read_wav(tmp_path / "b.wav")[0], codec.decode(want, mode="plain")[0, 0].numpy(), atol=1e-4
    )
    refused = secousti("decode", "-", "-o", "-", stdin=sent.out)
    assert refused.code == 1
    assert f"the pseudo VQs of '{HALF}' need later tokens" in refused.err
    assert "mode 'plain'" in refused.err
    assert refused.out == b""
    assert secousti("roundtrip", "-", "-o", "-", "-m", HALF, stdin=speech.read_bytes()).code == 1
    # nobody waits for a file: it appears when all of it is there, as always
    gathered = secousti("decode", "-", "-o", tmp_path / "c.wav", stdin=sent.out)
    assert gathered.code == 0, gathered.err
    heard, _ = soundfile.read(tmp_path / "c.wav")
    np.testing.assert_allclose(heard, codec.decode(want)[0, 0].numpy(), atol=1e-4)


def test_pipes_of_a_codec_that_is_not_causal(secousti: Run, speech: Path, tmp_path: Path) -> None:
    ran = secousti("encode", "-", "-o", "-", "-m", WHOLE, stdin=speech.read_bytes())
    assert ran.code == 1
    assert "needs whole files instead of pipes" in ran.err
    assert secousti("encode", speech, "-o", tmp_path / "a.sct", "-m", WHOLE).code == 0
    sent = (tmp_path / "a.sct").read_bytes()
    for mode in ("all", "plain"):
        ran = secousti("decode", "-", "-o", "-", "--mode", mode, stdin=sent)
        assert (ran.code, ran.out) == (1, b"")
        assert "needs whole files instead of pipes" in ran.err


def test_live_takes_it(secousti: Run, speech: Path) -> None:
    ran = secousti("live", "-", "-o", "-", "-m", CAUSAL, "--loss", "0.1", stdin=speech.read_bytes())
    assert ran.code == 0, ran.err
    assert "86 tokens" in ran.err
    assert "253 bit/s + 0 bits of voice | latency 22.5 ms" in ran.err
    samples, rate = soundfile.read(io.BytesIO(ran.out))
    assert rate == 16000
    assert len(samples) >= soundfile.info(speech).frames - 320


def test_the_server_offers_what_works_live() -> None:
    pytest.importorskip("fastapi")
    from secousti.serve.models import bundled_codecs

    assert bundled_codecs() == sorted([CAUSAL, OTHER])


def test_a_voice_needs_the_other_codec(
    secousti: Run, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(speech.parent)
    speech.rename("a.wav")
    ran = secousti("convert", "a.wav", "--voice", "a.wav", "-o", "b.wav", "-m", CAUSAL)
    assert ran.code == 1
    assert "keeps no voice apart" in ran.err


def test_evaluation_in_every_mode(secousti: Run, speech: Path, tmp_path: Path) -> None:
    """Rows of their own; a model that is not bundled is skipped with a sentence."""
    suite = tmp_path / "suite.yaml"
    codecs = [CAUSAL, f"{CAUSAL}:mode=plain", f"{CAUSAL}:mode=random", "p2psyn-none:mode=plain"]
    codecs += [f"mdctcodec:model={CAUSAL}", f"{OTHER}:mode=plain", f"{CAUSAL}:mode=best"]
    document = {
        "data": {"path": str(speech.parent)},
        "metrics": ["lsd"],
        "figures": [],
        "examples": 0,
    }
    suite.write_text(yaml.safe_dump({**document, "codecs": codecs}))
    ran = secousti("eval", suite, "-o", tmp_path / "report")
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    rows = {row["info"]["name"]: row for row in report["codecs"]}
    bits = {name: row["bitrate"] for name, row in rows.items()}
    plain, random = (f"{CAUSAL}-{mode}" for mode in ("plain", "random"))
    assert bits[CAUSAL] == bits[plain] == bits[random] == bits[f"mdctcodec-{CAUSAL}"] / 3
    errors = {name: row["estimates"]["lsd"]["mean"] for name, row in rows.items()}
    assert len({errors[name] for name in (CAUSAL, plain, random)}) == 3
    assert rows[plain]["info"]["parameters"] < rows[CAUSAL]["info"]["parameters"]
    assert not any(row["failures"] for row in report["codecs"])
    skipped = report["skipped"]
    assert "no codec and no model is called so" in skipped["p2psyn-none-plain"]
    assert "mode 'plain' is for a P2PSynCodec" in skipped[f"{OTHER}-plain"]
    assert "unknown decode mode 'best'" in skipped[f"{CAUSAL}-best"]


def test_new_pseudo_vqs_are_no_old_results(folder: Path, tmp_path: Path) -> None:
    """The tokens and their hash stay, the sound does not: the cache must not mix them up."""
    codec = load_codec(CAUSAL)
    codec.pseudo.load_state_dict(toy_codec(causal=True, seed=5).pseudo.state_dict())
    codec.save_pretrained(tmp_path / "new")
    versions = [make_codec(str(f)).info().version for f in (folder / CAUSAL, tmp_path / "new")]
    assert codec.weight_hash == load_codec(CAUSAL).weight_hash
    assert versions[0] != versions[1]


def test_the_baselines_name_it() -> None:
    from secousti.evaluation.evaluate import _usable
    from secousti.evaluation.suite import load_suite
    from secousti.evaluation.worker import build_codec

    suite, _ = load_suite("baselines")
    ours = tuple(spec for spec in suite.codecs if "mini" in spec)
    assert "p2psyn-mini-16k" in ours
    skipped: dict[str, str] = {}  # none of them is in this test's folder
    assert not _usable(ours, lambda spec: build_codec(spec, "cpu"), skipped)
    assert len(skipped) == len(ours)
    assert all(CAUSAL in reason for reason in skipped.values())  # it says what there is


def test_the_analysis_takes_a_name(speech: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from train.p2psyn.__main__ import app

    where = ["--data", str(speech.parent), "--output", str(tmp_path / "report"), "--metrics", ""]
    ran = CliRunner().invoke(app, ["analyse", CAUSAL, *where])
    assert ran.exit_code == 0, ran.output
    (found,) = json.loads((tmp_path / "report" / "analysis.json").read_text())
    assert found["model"] == CAUSAL
    assert found["facts"]["latency_ms"] == pytest.approx(22.5)
    wrong = CliRunner().invoke(app, ["analyse", OTHER, *where])
    assert f"'{OTHER}' is a SecoustiCodec model" in str(wrong.exception)
