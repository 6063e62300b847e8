"""Tokens outlive the decoder, the vocoder and the voice encoder that they were made with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch

from secousti.container import Reader, Tokens
from secousti.hub import resolve
from tests.cli.conftest import Ran
from tests.entropy.toy import likely_tokens, toy_coder
from tests.toy import toy_codec

Run = Callable[..., Ran]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], str]:
    """Makes the folder of the toy model with another part."""

    def make(part: str) -> str:
        codec = toy_codec()
        with torch.no_grad():
            next(codec.get_submodule(part).parameters()).mul_(1.05)
        codec.save_pretrained(tmp_path / part)
        return str(tmp_path / part)

    return make


def test_a_better_decoder_reads_old_files(
    secousti: Run, sct: Path, changed: Callable[[str], str]
) -> None:
    out = sct.with_name("out.wav")
    for part in ("decoder", "vocoder"):
        ran = secousti("decode", sct, "-o", out, "-f", "-m", changed(part))
        assert ran.code == 0, ran.err
        assert "note" not in ran.err
    ran = secousti("decode", sct, "-o", out, "-f", "-m", changed("encoder"))
    assert ran.code == 1
    assert "holds tokens of another codec" in ran.err


def test_another_voice_encoder_says_so(
    secousti: Run, sct: Path, speech: Path, changed: Callable[[str], str]
) -> None:
    out = sct.with_name("out.wav")
    ran = secousti("decode", sct, "-o", out, "-f", "-m", changed("paralinguistic"))
    assert ran.code == 0
    assert ran.err.count("voice was made by another voice encoder") == 1
    assert soundfile.info(out).frames > 0
    again = sct.with_name("again.sct")
    model = changed("paralinguistic")
    assert secousti("convert", sct, "-v", speech, "-o", again, "-m", model).code == 0
    assert secousti("decode", again, "-o", out, "-f", "-m", model).err.count("note") == 0


def test_info_says_who_decodes(
    secousti: Run, sct: Path, changed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(changed("decoder"))
    changed("encoder")
    monkeypatch.setattr(resolve, "BUNDLED", folder.parent)
    values = json.loads(secousti("info", sct, "--json").out)
    assert values["decoded_by"] == ["decoder"]
    assert secousti("decode", sct, "-o", sct.with_name("out.wav")).code == 0


@pytest.mark.parametrize("live", [False, True])
def test_learned_codes_from_end_to_end(
    secousti: Run, speech: Path, tmp_path: Path, live: bool
) -> None:
    """A model that brings a coder uses it, in files and streams, and says so in the file."""
    codec = toy_codec()
    codec.coder = toy_coder(tmp_path / "coder")
    folder, path = codec.save_pretrained(tmp_path / "model"), tmp_path / "a.sct"
    if live:
        ran = secousti("encode", "-", "-o", "-", "-m", folder, stdin=speech.read_bytes())
        path.write_bytes(ran.out)
    else:
        ran = secousti("encode", speech, "-o", path, "-m", folder)
    assert ran.code == 0, ran.err
    packed = tmp_path / "packed.sct"
    assert secousti("encode", speech, "-o", packed, "-m", folder, "--entropy", "packed").code == 0
    first, second = tmp_path / "1.wav", tmp_path / "2.wav"
    assert secousti("decode", path, "-o", first, "-m", folder).code == 0
    assert secousti("decode", packed, "-o", second, "-m", folder).code == 0
    if not live:
        assert first.read_bytes() == second.read_bytes()
    with open(path, "rb") as file:
        assert Reader(file).header.payload == "learned"
    with open(packed, "rb") as file:
        assert Reader(file).header.payload == "packed"
    (folder / "coder.safetensors").write_bytes(b"damaged")
    ran = secousti("decode", path, "-o", first, "-f", "-m", folder)
    assert ran.code == 1
    assert "is not an entropy coder" in ran.err


def test_a_model_without_a_coder_says_so(secousti: Run, speech: Path, model: str) -> None:
    ran = secousti(
        "encode", speech, "-o", speech.with_suffix(".sct"), "-m", model, "--entropy", "learned"
    )
    assert ran.code == 1
    assert "has no learned entropy coder" in ran.err


def test_stretches_of_learned_files(tmp_path: Path) -> None:
    """The coder's state goes through what is passed over."""
    import io

    from secousti.container import Writer, read_range
    from tests.container.files import make_header

    coder = toy_coder(tmp_path / "coder")
    tokens = likely_tokens(coder, 1500)
    header = make_header(payload="learned", paralinguistic=0)
    file = io.BytesIO()
    writer = Writer(file, header, run_frames=100, coder=coder)
    writer.write(tokens)
    writer.finish(1500 * 1024)
    for start, end in ((0, 10), (350, 420), (650, 900), (1490, 1500)):
        file.seek(0)
        events = read_range(file, start, end, coders=lambda header: [coder])
        runs = [e.codes[0] for e in events if isinstance(e, Tokens)]
        assert torch.cat([torch.from_numpy(run) for run in runs]).tolist() == (
            tokens[start:end].tolist()
        )


def test_packets(secousti: Run, speech: Path, tmp_path: Path) -> None:
    """Each decodes alone; together they are the recording, to the end of its last frame."""
    codec = toy_codec()
    codec.coder = toy_coder(tmp_path / "coder")
    model, out = codec.save_pretrained(tmp_path / "model"), tmp_path / "packets"
    size = ("--packet-bytes", "50")
    ran = secousti("encode", speech, "-o", out, "-m", model, *size)
    assert ran.code == 0, ran.err
    made = sorted(out.iterdir())
    assert len(made) > 1
    assert all(path.stat().st_size <= 50 for path in made)
    again = secousti("encode", speech, "-o", out, "-m", model, *size)
    assert again.code == 1
    assert "holds packets already" in again.err
    whole, one = tmp_path / "whole.wav", tmp_path / "one.wav"
    ran = secousti("decode", out, "-o", whole, "-m", model)
    assert ran.code == 0, ran.err
    assert 0 <= soundfile.info(whole).duration - soundfile.info(speech).duration < 1024 / 22050
    assert secousti("decode", made[1], "-o", one, "-m", model).code == 0
    assert 0 < soundfile.info(one).duration < soundfile.info(whole).duration
    made[0].write_bytes(made[0].read_bytes()[:-1] + b"!")
    damaged = secousti("decode", out, "-o", whole, "-f", "-m", model)
    assert damaged.code == 1
    assert str(made[0]) in damaged.err
    assert "checksum" in damaged.err
    several = secousti("encode", speech, speech, "-o", out, "-m", model, *size)
    assert several.code == 1
    assert "one recording" in several.err
