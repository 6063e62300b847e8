"""A codec's learned coder, from recordings to a file that the codec uses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from secousti import load_codec
from secousti.container.encoded import codec_coders, codec_header, read_encoded, write_encoded
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.settings import Settings
from tests.toy import toy_codec, toy_speech
from train.entropy.__main__ import groups_of, main
from train.entropy.rows import rows

SMALL = ["--hidden", "8", "--mix", "8", "--batch", "2", "--epochs", "2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_codec().save_pretrained(tmp_path_factory.mktemp("model") / "toy")


@pytest.fixture(scope="module")
def tokens(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    for seed in range(4):
        wav = toy_speech(2.5, seed=seed)[0].numpy()
        soundfile.write(folder / f"{seed}.wav", wav, 22050)
    extract(folder, folder / "tokens", Settings(str(model)), processes=1)
    return folder / "tokens"


def test_from_recordings_to_fewer_bits(
    model: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "coder.safetensors"
    main([str(model), str(tokens), "-o", str(out), "--valid", str(tokens), *SMALL])
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["epoch 0", "epoch 1"]
    begun = ["--from", str(tmp_path / "coder.network.safetensors")]
    main([str(model), str(tokens), "-o", str(out), *SMALL, *begun])
    (model / "coder.safetensors").write_bytes(out.read_bytes())
    codec = load_codec(model)
    assert codec.coder is not None
    encoded = codec.encode(toy_speech(2.0), 22050)
    file = io.BytesIO()
    bits = write_encoded(file, encoded, codec_header(codec), coder=codec.coder)
    assert bits.side_information == 192
    file.seek(0)
    again, header = read_encoded(file, coders=codec_coders(codec))
    assert header.payload == "learned"
    assert (again.codes == encoded.codes).all()
    (model / "coder.safetensors").unlink()


def test_tokens_of_another_codec_are_refused(tokens: Path, tmp_path: Path) -> None:
    other = toy_codec(seed=1).save_pretrained(tmp_path / "other")
    with pytest.raises(SecoustiError, match="another codec"):
        main([str(other), str(tokens), "-o", str(tmp_path / "coder"), *SMALL])


def test_symbols_of_a_token() -> None:
    assert groups_of(toy_codec()) == (81, 81)


def test_rows_hold_every_token_in_order() -> None:
    """A row goes on from batch to batch; places begin again with each recording."""
    recordings = [np.arange(n) + 100 * n for n in (7, 12, 5, 20)]
    batches = list(rows(recordings, batch=2, frames=5, lags=2, seed=0))
    tokens = np.concatenate([batch[0][:, 2:].numpy() for batch in batches], axis=1)
    place = np.concatenate([batch[1].numpy() for batch in batches], axis=1)
    assert (tokens % 100 == place).all()
    past = np.concatenate([batch[0][:, :2].numpy() for batch in batches[1:]], axis=1)
    assert (past[:, :2] == tokens[:, 3:5]).all()
