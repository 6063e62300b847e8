"""A vocoder that several bundled codecs name is stored once and loaded into each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.hub import resolve
from secousti.hub.catalog import models
from secousti.hub.shared import share_vocoder
from secousti.vocoder.files import save_vocoder
from tests.toy import toy_codec, toy_speech
from train.tools import pack


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two codecs that speak through one vocoder of the package, packed as users pack them."""
    folder = tmp_path / "bundled"
    monkeypatch.setattr(resolve, "BUNDLED", folder)
    codec = toy_codec()
    assert codec.vocoder is not None
    assert codec.config.vocoder is not None
    save_vocoder(codec.vocoder, codec.config.vocoder, tmp_path / "vocoder")
    pack.pack_vocoder(tmp_path / "vocoder", folder / "vocoders" / "spoken")
    for seed, name in enumerate(("one", "two")):
        toy_codec(seed=seed).save_pretrained(tmp_path / name)
        pack.pack(tmp_path / name, "spoken", folder / name, name)
    return folder


def test_the_vocoder_lies_there_once(bundled: Path) -> None:
    for name in ("one", "two"):
        tensors = load_file(bundled / name / "model.safetensors")
        assert not [n for n in tensors if n.startswith("vocoder.")]
    files = [bundled / name / "model.safetensors" for name in ("one", "vocoders/spoken")]
    (one,) = (m for m in models() if m.name == "one")
    assert one.size == sum(path.stat().st_size for path in files)
    assert "spoken" not in [m.name for m in models()]


def test_a_codec_with_a_shared_vocoder_is_whole(bundled: Path, tmp_path: Path) -> None:
    """It sounds as the one that holds its vocoder, and holds it again when it is saved."""
    codec = SecoustiCodec.from_pretrained("one")
    whole = pack.pack(tmp_path / "one", str(tmp_path / "vocoder"), tmp_path / "whole", "one")
    assert codec.weight_hash == whole.weight_hash
    encoded = codec.encode(toy_speech(0.5), sample_rate=22050)
    again = SecoustiCodec.from_pretrained(codec.save_pretrained(tmp_path / "again"))
    assert torch.equal(again.decode(encoded), codec.decode(encoded))
    assert "shared_vocoder" not in json.loads((tmp_path / "again" / "config.json").read_text())


def test_an_unknown_vocoder_is_named(bundled: Path) -> None:
    path = bundled / "one" / "config.json"
    for name in ("other", "../spoken", ""):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"shared_vocoder": name}))
        with pytest.raises(SecoustiError, match=r"unknown vocoder .*: the bundled .* are spoken"):
            SecoustiCodec.from_pretrained("one")
        assert [m.size for m in models() if m.name == "one"] == [0]


def test_only_an_equal_vocoder_is_shared(bundled: Path, tmp_path: Path) -> None:
    """Whoever names a vocoder for a codec that has another would change its sound."""
    folder = toy_codec(seed=5).save_pretrained(tmp_path / "own", torch.float16)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(SecoustiError, match="is not the bundled vocoder 'spoken'"):
        share_vocoder(folder, "spoken")
    assert (folder / "model.safetensors").read_bytes() == before
