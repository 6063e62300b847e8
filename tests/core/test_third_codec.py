"""A codec that the package does not know does all that a codec does: it needs only ``Codec``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from secousti import Codec, SecoustiError, StreamDecoder, StreamEncoder, files, load_codec
from secousti.audio.opening import open_audio
from secousti.container.encoded import load_encoded
from secousti.live import run
from tests.toy import ragged, toy_codec, toy_speech


@dataclass(frozen=True)
class Levels:
    gain: float = 1.0


class Steps(Codec):
    """The change of the mean level from token to token, in 256 steps; one number of state."""

    kind, config_class = "steps", Levels
    sample_rate, frame_size, hop_length, codebook_size = 16000, 160, 160, 256

    def __init__(self, config: Levels) -> None:
        super().__init__()
        self.config, self.gain = config, nn.Parameter(torch.tensor([config.gain]))

    def encoder_state(self, batch_size: int):
        return {"last": torch.zeros(batch_size, 1, 1)}

    decoder_state = encoder_state

    def encode_step(self, inputs: Tensor, state):
        level = inputs.unflatten(-1, (-1, self.frame_size)).mean(-1)  # [R, 1, L]
        change = torch.diff(level, prepend=state["last"])
        return ((change / 2 + 1) * 127.5).round().clamp(0, 255).long(), {"last": level[..., -1:]}

    def decode_step(self, codes, state, *, voice, mode="all", generator=None):
        level = state["last"] + (2 * (codes / 127.5 - 1)).cumsum(-1)
        return (self.gain * level)[:, 0].repeat_interleave(160, -1), {"last": level[..., -1:]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(Steps(Levels()).save_pretrained(tmp_path_factory.mktemp("models") / "steps"))


def slow(seconds: float, rate: int = 16000) -> Tensor:
    """Sound with a wandering level, [N]."""
    t = torch.arange(int(seconds * rate)) / rate
    return 0.6 * torch.sin(5 * t) * torch.sin(0.9 * t) + 0.05 * toy_speech(seconds, rate)[0]


def test_it_encodes_decodes_and_streams(model: str) -> None:
    codec, wav = load_codec(model), slow(2.345, 22050)
    encoded = codec.encode([(wav, 22050), (wav[:30000], 22050)])
    assert encoded[0].codes.shape == (1, 1, 235)
    assert len(encoded.codes.unique()) > 5
    assert encoded.paralinguistic is None
    sound = codec.decode(encoded)
    assert sound.shape == (2, 1, int(encoded.num_samples.max()))
    encoder, decoder = StreamEncoder(codec, sample_rate=22050), StreamDecoder(codec)
    parts = [encoder.push(wav[part]) for part in ragged(len(wav), 900)] + [encoder.flush()]
    assert torch.equal(torch.cat(parts, dim=-1), encoded[0].codes)
    heard = torch.cat([*(decoder.push(part) for part in parts), decoder.flush()], dim=-1)
    torch.testing.assert_close(heard[..., : sound.shape[-1]], sound[:1], atol=1e-5, rtol=0)
    with pytest.raises(SecoustiError, match="keeps no voice"):
        codec.convert(encoded, encoded)


def test_files_and_the_live_path_take_it(model: str, tmp_path: Path) -> None:
    codec, source, tokens = load_codec(model), tmp_path / "a.wav", tmp_path / "a.sct"
    soundfile.write(source, slow(1.0).numpy(), 16000, subtype="FLOAT")
    files.encode([str(source)], str(tokens), model=model)
    expected = codec.encode(str(source))
    assert torch.equal(load_encoded(tokens).codes, expected.codes)
    files.decode([str(tokens)], str(tmp_path / "b.wav"), model=model)
    sound, rate = soundfile.read(tmp_path / "b.wav", dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(sound, codec.decode(expected)[0, 0].numpy(), atol=1e-4)
    frames = list(run(codec, np.array_split(slow(1.0).numpy(), 33), 16000))
    assert torch.equal(torch.cat([frame.codes for frame in frames]), expected.codes[0, 0])
    assert not any(frame.voice_bits for frame in frames)


def test_it_is_extracted(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By processes that have not imported it: a package says that it has the kind."""
    pytest.importorskip("pyarrow")
    from secousti.extraction import extract
    from secousti.extraction.dataset import TokenDataset
    from secousti.extraction.settings import Settings

    package = tmp_path / "site" / "steps-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: steps\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[secousti.codecs]\nsteps = {__name__}:Steps\n")
    monkeypatch.syspath_prepend(package.parent)
    (tmp_path / "in").mkdir()
    for name in "ab":
        soundfile.write(tmp_path / "in" / f"{name}.wav", slow(1.0).numpy(), 16000, "FLOAT")
    extract(tmp_path / "in", tmp_path / "out", Settings(model), processes=1)
    rows = list(TokenDataset(tmp_path / "out"))
    expected = load_codec(model).encode(str(tmp_path / "in" / "a.wav")).codes[0, 0]
    assert [row["codes"].reshape(-1).tolist() for row in rows] == 2 * [expected.tolist()]


def test_it_is_served(model: str) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    from secousti.serve import Limits, ServeOptions, create_app
    from secousti.serve.client import Audio, Stream, Tokens, pcm
    from secousti.serve.server import Background

    wav = slow(1.2).numpy()
    threads = torch.get_num_threads()
    app = create_app(ServeOptions(models=(model,), limits=Limits(), max_load=100.0))
    with (
        Background(app) as server,
        Stream(server.url, kind="roundtrip", input=pcm(16000, "f32le"), mel=True) as stream,
    ):
        for part in ragged(len(wav), 1700):
            stream.send(wav[part])
        stream.end()
        events = list(stream)
    torch.set_num_threads(threads)
    codec = load_codec(model)
    expected = codec.encode((wav, 16000))
    codes = np.concatenate([event.codes for event in events if isinstance(event, Tokens)])
    assert codes.tolist() == expected.codes[0, 0].tolist()
    sound = np.concatenate([event.samples for event in events if isinstance(event, Audio)])
    np.testing.assert_allclose(sound, codec.decode(expected)[0, 0].numpy(), atol=1e-4)


@pytest.mark.skipif(os.name == "nt", reason="counts memory as Unix does")
def test_memory_does_not_grow_with_a_recording(model: str) -> None:
    """Ten hours are read in blocks; only their tokens stay."""
    from secousti.audio.reader import AudioReader

    class Hours(AudioReader):
        name, sample_rate, channels, frames, largest = "hours", 16000, 1, 36000 * 160, 0

        def read_frames(self, count: int):
            self.largest = max(self.largest, count)
            count = min(count, self.frames - self._given)
            self._given += count
            return np.zeros((count, 1), np.float32)

    audio = Hours()
    assert load_codec(model).encode_reader(audio).codes.shape == (1, 1, 36000)
    assert audio.largest <= 10 * 16000


@pytest.mark.parametrize("rate", [22050, 16000])
def test_a_long_file_gives_what_its_samples_give(rate: int, tmp_path: Path) -> None:
    """It is read in blocks; the voice is still that of its middle."""
    codec, wav = toy_codec(), toy_speech(63.21, rate)[0]
    soundfile.write(tmp_path / "a.wav", wav.numpy(), rate, subtype="FLOAT")
    with open_audio(tmp_path / "a.wav") as audio:
        found = codec.encode_reader(audio)
    want = codec.encode(wav, rate)
    assert torch.equal(found.codes, want.codes)
    assert torch.equal(found.num_samples, want.num_samples)
    torch.testing.assert_close(found.paralinguistic, want.paralinguistic, atol=0.01, rtol=0)
