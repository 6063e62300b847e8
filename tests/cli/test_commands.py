"""The commands on files and folders, and what they say when something is wrong."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from secousti import SecoustiCodec, files
from secousti.cli.app import load_command
from secousti.cli.commands import COMMANDS
from secousti.container import MAGIC, Reader, Voice
from secousti.container.encoded import load_encoded
from tests.cli.conftest import Ran, read_wav
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import toy_speech

Run = Callable[..., Ran]


@pytest.mark.parametrize("payload", ["packed", "adaptive"])
def test_encode_and_decode(
    secousti: Run, speech: Path, model: str, codec: SecoustiCodec, payload: str
) -> None:
    path, out = speech.with_suffix(".sct"), speech.with_name("again.wav")
    ran = secousti("encode", speech, "-o", path, "-m", model, "--entropy", payload)
    assert ran.code == 0
    assert f"{path.stat().st_size} bytes" in ran.err
    assert torch.equal(load_encoded(path).codes, codec.encode(speech).codes)
    assert secousti("decode", path, "-o", out, "-m", model).code == 0
    heard, rate = read_wav(out)
    whole = codec.decode(load_encoded(path))[0, 0].numpy()
    assert rate == codec.sample_rate
    np.testing.assert_allclose(heard, whole, atol=2e-4)


def test_length_in_is_length_out_at_the_rate_of_the_source(
    secousti: Run, sct: Path, speech: Path, model: str
) -> None:
    out = speech.with_name("again.flac")
    ran = secousti("decode", sct, "-o", out, "-m", model, "--sample-rate", 16000)
    assert ran.code == 0
    assert soundfile.info(out).format == "FLAC"
    assert soundfile.info(out).frames == soundfile.info(speech).frames


def test_a_format_that_cannot_hold_the_rate(
    secousti: Run, sct: Path, speech: Path, model: str
) -> None:
    out = speech.with_name("again.opus")
    ran = secousti("decode", sct, "-o", out, "-m", model)
    assert ran.code == 1
    assert "cannot be written at 22050 Hz" in ran.err
    assert not out.exists()
    assert secousti("decode", sct, "-o", out, "-m", model, "--sample-rate", 48000).code == 0
    assert soundfile.info(out).samplerate == 48000


def test_a_stretch(secousti: Run, sct: Path, speech: Path, model: str) -> None:
    whole, piece = speech.with_name("whole.wav"), speech.with_name("piece.wav")
    secousti("decode", sct, "-o", whole, "-m", model)
    stretch = ("--start", 0.7, "--end", 1.2)
    assert secousti("decode", sct, "-o", piece, "-m", model, *stretch).code == 0
    first, last = round(0.7 * 22050), round(1.2 * 22050)
    np.testing.assert_allclose(read_wav(piece)[0], read_wav(whole)[0][first:last], atol=1e-3)
    late = secousti("decode", sct, "-o", piece, "-f", "-m", model, "--start", 100)
    assert late.code == 1
    assert "ends before 100" in late.err
    to_the_end = secousti("decode", sct, "-o", piece, "-f", "-m", model, "--start", 1.0)
    assert to_the_end.code == 0
    np.testing.assert_allclose(read_wav(piece)[0], read_wav(whole)[0][22050:], atol=1e-3)


def test_roundtrip_is_encode_and_decode(secousti: Run, sct: Path, speech: Path, model: str) -> None:
    one, two = speech.with_name("one.wav"), speech.with_name("two.wav")
    assert secousti("decode", sct, "-o", one, "-m", model).code == 0
    ran = secousti("roundtrip", speech, "-o", two, "-m", model)
    assert ran.code == 0
    assert f"{sct.stat().st_size} bytes" in ran.err
    assert one.read_bytes() == two.read_bytes()


def test_convert(secousti: Run, sct: Path, speech: Path, model: str) -> None:
    voice = speech.with_name("voice.wav")
    soundfile.write(voice, toy_speech(1.0, seed=5)[0].numpy(), 22050)
    tokens, sound = speech.with_name("new.sct"), speech.with_name("new.wav")
    for source in (sct, speech):
        ran = secousti("convert", source, "-v", voice, "-o", tokens, "-m", model, "-f")
        assert ran.code == 0
        assert torch.equal(load_encoded(tokens).codes, load_encoded(sct).codes)
        with open(tokens, "rb") as file:
            voices = [event for event in Reader(file) if isinstance(event, Voice)]
        wanted = files.encode([str(voice)], f"{voice}.sct", model=model, force=True)
        assert wanted[0].error is None
        with open(f"{voice}.sct", "rb") as file:
            expected = [event for event in Reader(file) if isinstance(event, Voice)]
        assert [v.codes.tolist() for v in voices] == [v.codes.tolist() for v in expected]
    assert secousti("convert", sct, "-v", tokens, "-o", sound, "-m", model).code == 0
    plain = speech.with_name("plain.wav")
    secousti("decode", tokens, "-o", plain, "-m", model)
    assert plain.read_bytes() == sound.read_bytes()


def test_info(secousti: Run, sct: Path) -> None:
    shown = secousti("info", sct).out.decode()
    words = ("token hash", "no model at hand", "22050 Hz", "16000 Hz", "12.68 bits", "kbit/s")
    for word in (*words, "container"):
        assert word in shown
    values = json.loads(secousti("info", sct, "--json").out)
    assert values["bits"]["total"] == 8 * sct.stat().st_size
    assert values["tokens"] == load_encoded(sct).codes.shape[-1]
    assert values["source_num_samples"] == 27199


def test_a_tree(secousti: Run, tree: Path, model: str, tmp_path: Path) -> None:
    tokens, sound = tmp_path / "tokens", tmp_path / "sound"
    ran = secousti("encode", tree, "-o", tokens, "-m", model)
    assert ran.code == 0
    assert "2 done, 0 failed" in ran.err
    assert sorted(p.relative_to(tokens).as_posix() for p in tokens.rglob("*.*")) == [
        "a.sct",
        "deep/b.sct",
    ]
    assert secousti("decode", tokens, "-o", sound, "-m", model).code == 0
    assert (sound / "deep" / "b.wav").is_file()
    assert len(secousti("info", tokens, "--json").out.splitlines()) == 2


def test_a_bad_file_does_not_stop_the_others(
    secousti: Run, tree: Path, model: str, tmp_path: Path
) -> None:
    (tree / "broken.wav").write_bytes(b"RIFF????")
    soundfile.write(tree / "nan.wav", np.full(100, np.nan), 16000, subtype="FLOAT")
    ran = secousti("encode", tree, "-o", tmp_path / "tokens", "-m", model)
    assert ran.code == 1
    assert "2 done, 2 failed" in ran.err
    assert "broken.wav" in ran.err
    assert sorted(p.name for p in (tmp_path / "tokens").rglob("*.*")) == ["a.sct", "b.sct"]


def test_nothing_is_overwritten_unless_asked(
    secousti: Run, sct: Path, speech: Path, model: str
) -> None:
    before = sct.read_bytes()
    sct.write_bytes(before + b"mark")
    ran = secousti("encode", speech, "-o", sct, "-m", model)
    assert (ran.code, sct.read_bytes()) == (1, before + b"mark")
    assert "exists already; --force" in ran.err
    assert secousti("encode", speech, "-o", sct, "-m", model, "--force").code == 0
    assert sct.read_bytes() == before


BAD_AUDIO = {
    "text.wav": (b"hello, I am no sound", "text.wav is not audio"),
    "empty.wav": (b"", "empty.wav is not audio"),
}


@pytest.mark.parametrize("name", sorted(BAD_AUDIO))
def test_what_is_no_audio(secousti: Run, tmp_path: Path, model: str, name: str) -> None:
    content, message = BAD_AUDIO[name]
    (tmp_path / name).write_bytes(content)
    ran = secousti("encode", tmp_path / name, "-o", tmp_path / "x.sct", "-m", model)
    assert ran.code == 1
    assert message in ran.err
    assert not (tmp_path / "x.sct").exists()


def test_audio_without_samples_or_with_nan(secousti: Run, tmp_path: Path, model: str) -> None:
    for name, samples, message in [
        ("none.wav", np.zeros(0), "none.wav has no samples"),
        ("nan.wav", np.array([0, np.nan]), "NaN or infinite sample (first at index 1)"),
    ]:
        soundfile.write(tmp_path / name, samples, 16000, subtype="FLOAT")
        ran = secousti("encode", tmp_path / name, "-o", tmp_path / "x.sct", "-m", model)
        assert ran.code == 1
        assert message in ran.err


def damaged(sct: Path, kind: str) -> bytes:
    whole = bytearray(sct.read_bytes())
    if kind == "flipped":
        whole[-60] ^= 4
    elif kind == "truncated":
        return bytes(whole[:-20])
    elif kind == "future":
        whole[len(MAGIC)] = 9
    elif kind == "empty":
        return b""
    elif kind == "audio":
        return sct.with_suffix(".wav").read_bytes()
    return bytes(whole)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("flipped", "the file is damaged (its checksum is wrong)"),
        ("truncated", "the file ends inside it"),
        ("future", "format version 9"),
        ("empty", "it is empty"),
        ("audio", "not a .sct file"),
    ],
)
def test_damaged_files(secousti: Run, sct: Path, model: str, kind: str, message: str) -> None:
    sct.write_bytes(damaged(sct, kind))
    out = sct.with_name("out.wav")
    for args in (("decode", sct, "-o", out, "-m", model), ("info", sct)):
        ran = secousti(*args)
        assert ran.code == 1
        assert message in ran.err
        assert str(sct) in ran.err
    assert not out.exists()


def test_the_whole_part_of_a_cut_file(secousti: Run, tmp_path: Path, model: str) -> None:
    wav, path, out = tmp_path / "a.wav", tmp_path / "a.sct", tmp_path / "b.wav"
    soundfile.write(wav, toy_speech(2.0)[0].numpy(), 22050)
    stream = secousti("encode", "-", "-o", "-", "-m", model, stdin=wav.read_bytes()).out
    path.write_bytes(stream[: len(stream) * 2 // 3])
    ran = secousti("decode", path, "-o", out, "-m", model, "--partial")
    assert ran.code == 0
    assert "note:" in ran.err
    assert 0.4 < soundfile.info(out).duration < 2.0


def test_models_that_do_not_fit(
    secousti: Run, sct: Path, speech: Path, model: str, other_model: str
) -> None:
    out = sct.with_name("out.wav")
    wrong = secousti("decode", sct, "-o", out, "-m", other_model)
    assert wrong.code == 1
    assert "holds tokens of another codec" in wrong.err
    unnamed = secousti("decode", sct, "-o", out)
    assert unnamed.code == 1
    assert "--model" in unnamed.err
    unknown = secousti("encode", speech, "-o", out, "-m", "no-such-model")
    assert unknown.code == 1
    assert "unknown model 'no-such-model'" in unknown.err
    device = secousti("encode", speech, "-o", out, "-m", model, "--device", "abacus")
    assert device.code == 1
    assert "device 'abacus' cannot be used" in device.err


def test_a_file_finds_the_model_that_is_at_hand(
    secousti: Run, sct: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secousti.hub import resolve

    monkeypatch.setattr(resolve, "BUNDLED", Path(model).parent)
    assert secousti("decode", sct, "-o", sct.with_name("out.wav")).code == 0
    assert "toy" in secousti("models").out.decode()


def test_the_other_codec(secousti: Run, speech: Path, tmp_path: Path) -> None:
    """P2PSynCodec: 5-bit tokens in this toy, no voice, whole files as this one is not causal."""
    folder, tokens, out = tmp_path / "p2p", tmp_path / "a.sct", tmp_path / "b.wav"
    toy_p2psyn().save_pretrained(folder)
    assert secousti("encode", speech, "-o", tokens, "-m", folder).code == 0
    assert secousti("decode", tokens, "-o", out, "-m", folder).code == 0
    assert soundfile.info(out).frames == soundfile.info(speech).frames
    values = json.loads(secousti("info", tokens, "--json").out)
    assert values["bits"]["side_information"] == 0
    assert values["bits"]["tokens"] == -(-5 * values["tokens"] // 8) * 8
    piped = secousti("encode", "-", "-o", "-", "-m", folder, stdin=speech.read_bytes())
    assert piped.code == 1
    assert "needs whole files" in piped.err


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_pipes_in_one_process(
    secousti: Run, speech: Path, model: str, codec: SecoustiCodec, suffix: str
) -> None:
    """WAV is coded live; other formats are gathered and encoded whole."""
    source = speech.with_suffix(f".{suffix}")
    samples, rate = soundfile.read(speech)
    soundfile.write(source, samples, rate)
    sent = secousti("encode", "-", "-o", "-", "-m", model, stdin=source.read_bytes())
    assert sent.code == 0
    speech.with_suffix(".sct").write_bytes(sent.out)
    assert torch.equal(load_encoded(speech.with_suffix(".sct")).codes, codec.encode(source).codes)
    shown = secousti("info", "-", stdin=sent.out)
    assert b"kbit/s" in shown.out
    for command in ("decode", "convert"):
        extra = ("-v", speech) if command == "convert" else ()
        heard = secousti(command, "-", "-o", "-", "-m", model, *extra, stdin=sent.out)
        assert heard.code == 0
        assert heard.out[:4] == b"RIFF"
        assert len(heard.out) == 44 + 2 * round(27199 * 22050 / 16000 + 0.5)


def test_pipes_with_nothing_or_nonsense(secousti: Run, model: str) -> None:
    for command, data, message in [
        ("encode", b"", "standard input is empty"),
        ("encode", b"no sound at all", "standard input is not audio"),
        ("encode", b"RIFF\0\0\0\0WAVE", "standard input is cut short"),
        ("decode", b"", "standard input: it is empty"),
        ("decode", b"RIFF", "standard input: it is not a .sct file"),
        ("info", b"", "standard input: it is empty"),
    ]:
        out = () if command == "info" else ("-o", "-", "-m", model)
        ran = secousti(command, "-", *out, stdin=data)
        assert ran.code == 1
        assert message in ran.err
        assert ran.out == b""


def test_wrong_usage_exits_with_2(secousti: Run, speech: Path) -> None:
    assert secousti("encode").code == 2
    assert secousti("roundtrip", speech).code == 2
    assert secousti("shout").code == 2
    assert secousti("encode", speech, "-o", "x", "--entropy", "zip").code == 2


@pytest.mark.parametrize("name", ["encode", "decode", "convert", "roundtrip"])
def test_a_command_passes_its_options_on(name: str) -> None:
    """Every option of the command is one of the function, with the same default."""
    command = getattr(__import__(COMMANDS[name].module, fromlist=[name]), name)
    function = getattr(files, name)
    told = inspect.signature(command).parameters
    known = inspect.signature(function).parameters
    assert set(told) == set(known) - {"track"}
    for option, parameter in told.items():
        assert parameter.default == known[option].default, option


def test_help_of_every_command_teaches(secousti: Run) -> None:
    for name, entry in COMMANDS.items():
        assert f"secousti {name}" in load_command(name, entry).help
    shown = secousti("--help").out.decode()
    for name in COMMANDS:
        assert f" {name} " in shown


def test_models_lists_what_is_bundled(secousti: Run) -> None:
    from secousti.hub.resolve import bundled_models

    ran = secousti("models")
    assert ran.code == 0
    for name in bundled_models():
        assert name in ran.out.decode()


def test_import_release(secousti: Run, tmp_path: Path, speech: Path) -> None:
    from tests.toy import PARITY

    checkpoint = PARITY / "codec_r22.safetensors"
    ran = secousti("import-release", checkpoint, "-o", tmp_path / "imported")
    assert ran.code == 0
    assert "weights" in ran.err + ran.out.decode()
    tokens = tmp_path / "a.sct"
    assert secousti("encode", speech, "-o", tokens, "-m", tmp_path / "imported").code == 0
    missing = secousti("import-release", tmp_path / "nix.pt", "-o", tmp_path / "x")
    assert missing.code == 1
    assert "no such checkpoint" in missing.err
