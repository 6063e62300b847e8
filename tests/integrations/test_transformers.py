"""A codec behind transformers' Auto classes: the ids and the sound of the codec itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import toy_codec, toy_speech

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    return toy_codec()


@pytest.fixture(scope="module")
def folder(codec: SecoustiCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hf") / "toy"
    return codec.save_pretrained(path, transformers=True)


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return transformers.AutoModel.from_pretrained(folder, trust_remote_code=True).eval()


def test_three_lines_in_a_process_of_its_own(folder: Path, codec: SecoustiCodec) -> None:
    """What the page shows, in a program that knows nothing of secousti."""
    speech = toy_speech(1.0)[0].numpy()
    np.save(folder.parent / "speech.npy", speech)
    program = f"""
import numpy as np
from transformers import AutoFeatureExtractor, AutoModel
extractor = AutoFeatureExtractor.from_pretrained({str(folder)!r}, trust_remote_code=True)
model = AutoModel.from_pretrained({str(folder)!r}, trust_remote_code=True)
inputs = extractor(np.load({str(folder.parent / "speech.npy")!r}),
                   sampling_rate=extractor.sampling_rate, return_tensors="pt")
found = model.encode(**inputs)
print(found.audio_codes.flatten().tolist())
print(model.decode(found.audio_codes, found.voice).audio_values.shape)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    ids = codec.encode(speech, codec.sample_rate).codes.flatten().tolist()
    assert ran.stdout.splitlines()[0] == str(ids)


def test_a_ragged_batch_and_back(model: Any, folder: Path, codec: SecoustiCodec) -> None:
    rows = [toy_speech(seconds, seed=i)[0].numpy() for i, seconds in enumerate((1.0, 0.4, 0.73))]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
    inputs = extractor(rows, sampling_rate=codec.sample_rate, return_tensors="pt")
    assert inputs["input_values"].shape == (3, 1, len(rows[0]))
    found = model.encode(**inputs)
    alone = [codec.encode(row, codec.sample_rate) for row in rows]
    for i, one in enumerate(alone):
        count = int(found.audio_codes_mask[i].sum())
        assert torch.equal(found.audio_codes[i, :, :count], one.codes[0])
        assert torch.equal(found.voice[i], one.paralinguistic[0])
    audio = model.decode(found.audio_codes, found.voice, inputs["padding_mask"]).audio_values
    for i, one in enumerate(alone):
        torch.testing.assert_close(audio[i : i + 1, :, : len(rows[i])], codec.decode(one))
        assert not audio[i, 0, len(rows[i]) :].any()
    whole = model(**inputs)
    torch.testing.assert_close(whole.audio_values, audio)
    assert torch.equal(whole.audio_codes, found.audio_codes)
    assert model(**inputs, return_dict=False)[0].shape == found.audio_codes.shape


def test_a_stream_by_explicit_state(model: Any, codec: SecoustiCodec) -> None:
    speech = toy_speech(1.0)
    whole = codec.encode(speech, codec.sample_rate)
    codes, audio, encoder, decoder = [], [], None, None
    portions = speech.split(3000, dim=-1)
    for i, portion in enumerate(portions):
        last = i == len(portions) - 1
        found = model.encode(portion, encoder_state=encoder, use_streaming=True, last=last)
        encoder = found.encoder_state
        heard = model.decode(
            found.audio_codes,
            whole.paralinguistic,
            decoder_state=decoder,
            use_streaming=True,
            last=last,
        )
        decoder = heard.decoder_state
        codes.append(found.audio_codes)
        audio.append(heard.audio_values)
    assert encoder is None
    assert decoder is None
    assert torch.equal(torch.cat(codes, dim=-1), whole.codes)
    sound = torch.cat(audio, dim=-1)[..., : speech.shape[-1]]
    torch.testing.assert_close(sound, codec.decode(whole), atol=1e-4, rtol=0)


def test_saved_by_transformers_and_loaded_again(model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "again")
    again = transformers.AutoModel.from_pretrained(tmp_path / "again", trust_remote_code=True)
    assert again.codec.weight_hash == model.codec.weight_hash
    assert again.codec.model_id == model.codec.model_id


def test_the_second_codec(tmp_path: Path) -> None:
    codec = toy_p2psyn()
    folder = codec.save_pretrained(tmp_path / "p2p", transformers=True)
    model = transformers.AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    speech = toy_speech(0.5, codec.sample_rate)
    found = model.encode(speech)
    assert torch.equal(found.audio_codes, codec.encode(speech, codec.sample_rate).codes)
    assert found.voice is None
    assert model.decode(found.audio_codes).audio_values.shape[0] == 1


def test_what_cannot_be_meant(model: Any, folder: Path) -> None:
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
    with pytest.raises(ValueError, match="resample"):
        extractor(np.zeros(100), sampling_rate=16000)
    with pytest.raises(ValueError, match="no sampling_rate"):
        extractor(np.zeros(100))
    with pytest.raises(ValueError, match="mono"):
        extractor([np.zeros((2, 100))], sampling_rate=model.sampling_rate)
    with pytest.raises(SecoustiError, match="ones, then zeros"):
        model.encode(torch.zeros(1, 1, 4), torch.tensor([[0, 1, 1, 1]]))
