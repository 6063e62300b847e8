"""From tokens back to sound: arrays of codes, and recordings of an extraction by their ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from secousti import SecoustiCodec
from tests.cli.conftest import Ran, read_wav
from tests.toy import toy_speech

Run = Callable[..., Ran]


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
def test_codes_alone(
    secousti: Run, speech: Path, model: str, codec: SecoustiCodec, suffix: str
) -> None:
    path, out = speech.with_suffix(suffix), speech.with_name("again.wav")
    ran = secousti("encode", speech, "-o", path, "-m", model)
    assert ran.code == 0
    assert "holds tokens alone: not the voice" in ran.err
    codes = torch.from_numpy(np.load(path)) if suffix == ".npy" else torch.load(path)
    wanted = codec.encode(speech)
    assert codes.dtype == torch.int64
    assert torch.equal(codes, wanted.codes[0])
    nameless = secousti("decode", path, "-o", out)
    assert nameless.code == 1
    assert "name the model with --model" in nameless.err
    spoken = secousti("decode", path, "-o", out, "-m", model)
    assert spoken.code == 0
    assert "has no voice, so an average one speaks; --voice gives one" in spoken.err
    np.testing.assert_allclose(read_wav(out)[0], codec.decode(codes[None])[0, 0], atol=2e-4)
    own = secousti("decode", path, "-o", out, "-m", model, "-v", speech, "-f")
    assert own.code == 0
    assert "average" not in own.err
    heard = codec.decode(codes[None], voice=wanted.paralinguistic)[0, 0]
    np.testing.assert_allclose(read_wav(out)[0], heard, atol=2e-4)


def test_arrays_that_are_no_tokens(secousti: Run, tmp_path: Path, model: str) -> None:
    """Also no pickles, and nothing is allocated on the word of a header."""
    np.save(tmp_path / "float.npy", np.zeros((1, 9), np.float32))
    np.save(tmp_path / "large.npy", np.full((1, 9), 99999))
    np.save(tmp_path / "shape.npy", np.zeros((2, 3, 4), np.int64))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    header = {"descr": "<i8", "fortran_order": False, "shape": (1, 1 << 50)}
    with open(tmp_path / "claims.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    torch.save({"codes": torch.zeros(1, 3)}, tmp_path / "dict.pt")
    torch.save(Path("x"), tmp_path / "code.pt")
    torch.save(torch.zeros(1, 1, dtype=torch.int64).expand(1, 1 << 40), tmp_path / "wide.pt")
    for name, message in [
        ("float.npy", "must be integers"),
        ("large.npy", "must lie in 0.."),
        ("shape.npy", "[K, L] or [L], found (2, 3, 4)"),
        ("object.npy", "no plain array"),
        ("claims.npy", "no plain array"),
        ("dict.pt", "but a dict"),
        ("code.pt", "no plain array"),
        ("wide.pt", "--max-seconds"),
        ("missing.npy", "no such file"),
    ]:
        ran = secousti("decode", tmp_path / name, "-o", tmp_path / "x.wav", "-m", model)
        assert ran.code == 1
        assert message in ran.err, (name, ran.err)
        assert name in ran.err
        assert not (tmp_path / "x.wav").exists()


def test_unknown_suffixes_are_refused(secousti: Run, speech: Path, model: str) -> None:
    wrong = speech.with_suffix(".tok")
    ran = secousti("encode", speech, "-o", wrong, "-m", model)
    assert ran.code == 1
    assert "this is not written as .tok; choose .npy, .pt, .sct" in ran.err
    wrong.write_text("{}")
    back = secousti("decode", wrong, "-o", speech.with_name("x.wav"), "-m", model)
    assert back.code == 1
    assert "it is not a .sct file" in back.err
    assert ".npy" in back.err


@pytest.mark.parametrize("kind", ["parquet", "webdataset", "shar"])
def test_recordings_of_an_extraction(
    secousti: Run, tmp_path: Path, model: str, codec: SecoustiCodec, kind: str
) -> None:
    corpus, tokens, heard = tmp_path / "corpus", tmp_path / "tokens", tmp_path / "heard"
    corpus.mkdir()
    for name, seconds in [("a", 0.6), ("b", 0.8), ("c", 0.7)]:
        wav = toy_speech(seconds, seed=ord(name))[0].numpy()
        soundfile.write(corpus / f"{name}.wav", wav, 22050)
    assert (
        secousti("extract", corpus, "-o", tokens, "-m", model, "--format", kind, "-j", 1).code == 0
    )
    ran = secousti("decode", tokens, "-m", model, "--id", "c", "--id", "a", "-o", heard)
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in heard.iterdir()) == ["a.wav", "c.wav"]
    wanted = codec.decode(codec.encode(corpus / "c.wav"))[0, 0]
    np.testing.assert_allclose(read_wav(heard / "c.wav")[0], wanted, atol=2e-4)
    one = tmp_path / "one.flac"
    assert secousti("decode", tokens, "-m", model, "--id", "b", "-o", one).code == 0
    assert soundfile.info(one).frames == soundfile.info(corpus / "b.wav").frames
    if kind != "parquet":
        return
    for args, message in [
        (("--id", "nix", "-o", tmp_path / "x.wav"), "no recording 'nix'; its ids are such as 'a'"),
        (("-o", tmp_path / "x.wav"), "3 recordings: choose with --id, such as 'a'"),
        (("--id", "b", "-o", one), "exists already"),
        (("--id", "b"), "into what -o names"),
    ]:
        wrong = secousti("decode", tokens, "-m", model, *args)
        assert wrong.code == 1
        assert message in wrong.err
    elsewhere = secousti("decode", corpus, "--id", "a", "-o", tmp_path / "x.wav")
    assert "one folder that 'secousti extract' wrote" in elsewhere.err
