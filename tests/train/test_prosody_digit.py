"""A digit of every token that learns the melody, and the probe that looks for it."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest
import torch

from secousti import SecoustiCodec
from secousti.audio.pitch import yin
from secousti.config import CodecConfig, MelConfig, QuantizerConfig, from_dict, merge
from secousti.errors import SecoustiError
from secousti.evaluation.cache import Cache
from tests.train.corpus import toy_document, write_corpus
from train.codec.config import Config
from train.codec.pitch_track import PitchRange, PitchTrack
from train.codec.probes import items, melody_metrics
from train.codec.prosody_digit import ProsodyDigit, ProsodyDigitConfig, concordance
from train.codec.setup import build_objective, training_data

RATE = 22050
TOKEN = 1024  # samples


def _glide(hertz: list[float], tokens: int) -> torch.Tensor:
    """Ten harmonics that keep each of the pitches for so many tokens, [1, N]."""
    pitch = torch.tensor(hertz, dtype=torch.float64).repeat_interleave(tokens * TOKEN)
    phase = 2 * torch.pi * (pitch / RATE).cumsum(0)
    return 0.03 * torch.sin(torch.arange(1, 11)[:, None] * phase).sum(0).float()[None]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return toy_document(folder, write_corpus(folder))


@pytest.fixture(scope="module")
def codec(toy) -> SecoustiCodec:
    torch.manual_seed(0)
    return SecoustiCodec(from_dict(CodecConfig, toy["codec"]))


def _whole(audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return audio, torch.tensor([audio.shape[1]] * len(audio))


# ------------------------------------------------------------------ pitch of recordings
def test_a_window_that_ends_with_a_token_knows_no_later_sound():
    track = PitchTrack(MelConfig(), PitchRange(), 512)
    audio = _glide([120.0, 240.0], 8)
    found = track.ending(*_whole(audio))
    assert found.shape == (1, 32)
    torch.testing.assert_close(found[0, 2:16], torch.full((14,), log2(120)), atol=0.02, rtol=0)
    torch.testing.assert_close(found[0, 18:], torch.full((14,), log2(240)), atol=0.02, rtol=0)
    cut = audio.clone()
    cut[:, 8 * TOKEN :] = 0
    torch.testing.assert_close(track.ending(*_whole(cut))[0, :16], found[0, :16], equal_nan=True)
    half = track.ending(audio, torch.tensor([8 * TOKEN]))
    assert half[0, 16:].isnan().all()


# ------------------------------------------------------------------ what the digit should tell
def test_the_melody_is_counted_from_the_height_of_the_whole_voice(codec):
    digit = ProsodyDigit(codec, ProsodyDigitConfig())
    spoken, voice = _glide([200.0, 100.0], 8), _glide([100.0], 16)
    found = digit.melody(_whole(spoken), _whole(voice))
    assert found.shape == (1, 16)
    torch.testing.assert_close(found[0, 1:8], torch.full((7,), 12.0), atol=0.3, rtol=0)
    torch.testing.assert_close(found[0, 9:], torch.zeros(7), atol=0.3, rtol=0)
    silent = digit.melody(_whole(torch.zeros(1, 4 * TOKEN)), _whole(voice))
    assert silent.isnan().all()


@pytest.mark.parametrize(("levels", "highest"), [((3,) * 8, 1), ((8, 8, 8, 8), 3)])
def test_the_digit_learns_it_and_what_has_no_voice_teaches_nothing(toy, levels, highest):
    torch.manual_seed(0)
    quantizer = {"quantizer": {"levels": list(levels)}}
    codec = SecoustiCodec(from_dict(CodecConfig, merge(toy["codec"], quantizer)))
    digit = ProsodyDigit(codec, ProsodyDigitConfig(digit=2))
    spoken = torch.cat([_glide([100.0, 200.0, 100.0], 4), torch.zeros(1, 12 * TOKEN)])
    data = _whole(spoken), _whole(_glide([141.0], 12).expand(2, -1))
    latents = torch.randn(2, codec.config.transformer.d_model, 12, requires_grad=True)
    before = digit.loss(latents, *data)
    before.backward()
    assert (latents.grad[0, :, 1:].abs().sum(0) > 0).all()
    assert latents.grad[1].abs().sum() == 0
    optimizer = torch.optim.Adam([latents], lr=0.1)
    for _ in range(120):
        optimizer.zero_grad()
        loss = digit.loss(latents, *data)
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * before
    told = codec.quantizer.digits(codec.quantizer.encode(latents.detach()))[0, :, 2]
    assert (told[1:4] == -(levels[2] // 2)).all()
    assert (told[5:8] == highest).all()


def test_a_timid_guess_is_worth_less_than_a_bold_one():
    melody = torch.tensor([-1.0, 0.5, 1.0, 0.0, -0.5])
    noise = torch.tensor([0.3, -0.2, 0.1, 0.4, -0.6])
    bold = concordance(melody + noise, melody)
    assert concordance(melody, melody) == pytest.approx(1.0)
    assert concordance(-melody, melody) == pytest.approx(-1.0)
    assert concordance(0.3 * (melody + noise), melody) < 0.7 * bold
    assert concordance(melody + noise + 1, melody) < 0.7 * bold
    assert concordance(torch.zeros(5), melody) == 0


def test_the_tokens_gain_nothing_and_keep_their_number(codec):
    names = {name for name, _ in codec.named_parameters()}
    ProsodyDigit(codec, ProsodyDigitConfig())
    assert {name for name, _ in codec.named_parameters()} == names


# ------------------------------------------------------------------ in a training
def _config(toy: dict, **objective: object) -> Config:
    schedule = {"strategy": "joint", "total_steps": 4, "token_mel": 1.0, "prosody": 3.0}
    training = {"objective": {"prosody_digit": {}, **objective}, "schedule": schedule}
    return from_dict(Config, merge(toy, {"training": training}))


def test_encoder_and_quantizer_learn_it_and_the_decoder_does_not(toy):
    config = _config(toy)
    data = training_data(config, 0, 1)
    objective = build_objective(config, data)
    found = objective(data[0], {"prosody": 1.0})
    found["loss"].backward()
    learnt = {n.split(".")[0] for n, p in objective.codec.named_parameters()
              if p.grad is not None and p.grad.abs().sum() > 0}  # fmt: skip
    assert learnt == {"encoder", "semantic_projection", "quantizer"}
    rows = objective.codec.quantizer.project_in.weight.grad.abs().sum(1)
    assert (rows > 0).tolist() == [False] * 7 + [True]


def test_what_cannot_be_taught_is_refused(toy, codec):
    with pytest.raises(SecoustiError, match=r"digit is 8, but tokens have the digits 0 to 7"):
        ProsodyDigit(codec, ProsodyDigitConfig(digit=8))
    with pytest.raises(SecoustiError, match="semitones must be above 0"):
        ProsodyDigitConfig(semitones=0)
    with pytest.raises(SecoustiError, match=r"prosody_digit\.fmin \(600\) must lie between"):
        ProsodyDigitConfig(fmin=600)
    with pytest.raises(SecoustiError, match=r"prosody_digit\.fmin is 30 Hz"):
        ProsodyDigit(codec, ProsodyDigitConfig(fmin=30))
    with pytest.raises(SecoustiError, match=r"objective\.prosody_digit"):
        _config(toy, prosody_digit=None)
    simvq = replace(codec.config, quantizer=QuantizerConfig(kind="simvq", codebook_size=16))
    with pytest.raises(SecoustiError, match="needs tokens of digits"):
        ProsodyDigit(SecoustiCodec(simvq), ProsodyDigitConfig())


# ------------------------------------------------------------------ the probe
def test_a_digit_that_tells_the_melody_is_found(toy):
    pytest.importorskip("librosa")
    config = _config(toy)
    data = training_data(config, 0, 1)
    objective = build_objective(config, data).eval()
    with torch.no_grad():
        inspections = [objective(data[n], None) for n in range(2)]
    crops = items(inspections, [data[0], data[1]])
    assert melody_metrics(crops, (), RATE, Cache()) == {}
    assert melody_metrics([], (3,) * 8, RATE, Cache()) == {}
    torch.manual_seed(0)
    for inspection, _, b in crops:
        inspection.semantics.indices[b] = torch.randint(3**8, inspection.mask[b].shape)
    random = melody_metrics(crops, (3,) * 8, RATE, Cache())["melody_in_a_digit"]
    for inspection, batch, b in crops:
        heights = _heights(batch.audio[b], len(inspection.mask[b]))
        inspection.semantics.indices[b] = 2 * 3**7 * (heights > heights.median())
    told = melody_metrics(crops, (3,) * 8, RATE, Cache())["melody_in_a_digit"]
    assert random < 0.3 < 0.5 < told


def _heights(audio: torch.Tensor, tokens: int) -> torch.Tensor:
    """log2 of F0 of each token of audio [N]."""
    spans = audio[: tokens * TOKEN].unflatten(0, (tokens, TOKEN))
    return yin(spans, RATE, (60.0, 600.0))[0].float()
