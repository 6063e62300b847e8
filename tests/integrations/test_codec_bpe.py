"""An extraction as codec-bpe's folder of codes, read as that package reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.settings import Settings
from secousti.integrations.codec_bpe import write_codes


@pytest.fixture(scope="module")
def tokens(model: str, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("extracted") / "tokens"
    extract(str(corpus), output, Settings(model), processes=1)
    return output


@pytest.fixture(scope="module")
def codes(tokens: Path) -> Path:
    """Written by the program, as users run it."""
    output = tokens.parent / "codes"
    command = [sys.executable, "-m", "secousti.integrations.codec_bpe", str(tokens), "-o", output]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("3 recordings, ")
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert again.stderr.startswith("secousti: error: ")
    assert again.stderr.count("\n") == 1
    return output


def test_files_and_info(codes: Path, corpus: Path, codec: SecoustiCodec) -> None:
    for name in ("a/u0", "a/u1", "b/u2"):
        stored = np.load(codes / f"{name}_c0.npy")
        ours = codec.encode(str(corpus / f"{name}.wav"), voice=False).codes.numpy()
        np.testing.assert_array_equal(stored, ours)
        assert stored.dtype == np.int64
    info = json.loads((codes / "codec_info.json").read_text())
    assert info["codebook_size"] == codec.codebook_size
    assert info["num_codebooks"] == 1
    assert info["framerate"] == codec.frame_rate
    assert info["sampling_rate_decoder"] == codec.sample_rate


def test_its_own_reader(codes: Path) -> None:
    """``codes_to_chars`` and back, and its trainer's iterator, on what it finds by itself."""
    pytest.importorskip("codec_bpe", reason="its reader comes with pip install 'secousti[bpe]'")
    from codec_bpe import chars_to_codes
    from codec_bpe.core.trainer import Trainer
    from codec_bpe.core.utils import get_codec_info, get_codes_files

    info = get_codec_info(str(codes))
    count, size = info["num_codebooks"], info["codebook_size"]
    options = {"vocab_size": count * size + 8, "pad_token": "<pad>"}
    trainer = Trainer(count, size, info["framerate"], **options)
    files = get_codes_files(str(codes))
    assert len(files) == 3
    for path, chars in zip(files, trainer._iterate_and_convert(files), strict=True):
        assert chars_to_codes(chars, count, size) == np.load(path)[0].tolist()
    tokenizer: Any = trainer.train(str(codes))
    text = "".join(trainer._iterate_and_convert(files[:1]))
    assert tokenizer.decode(tokenizer.encode(text)).replace(" ", "") == text


def test_ids_that_leave_the_folder(
    tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secousti.extraction.dataset import TokenDataset

    rows = list(TokenDataset(tokens))
    rows[0]["id"], rows[1]["id"] = "../../escaped", "/escaped"
    monkeypatch.setattr(TokenDataset, "__iter__", lambda _: iter(rows))
    done = write_codes(tokens, tmp_path / "in" / "codes")
    assert done.left_out == ["../../escaped", "/escaped"]
    assert done.recordings == 1
    assert not list(tmp_path.rglob("*escaped*"))
    with pytest.raises(SecoustiError, match="no finished extraction"):
        write_codes(tmp_path, tmp_path / "other")
