"""Recipes beside the paper: each file trains and encodes, and its losses teach whom they should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec
from secousti.config import CodecConfig, from_dict, merge, read_yaml
from secousti.errors import SecoustiError
from secousti.text.inventory import IGNORE, SILENCE, symbol_ids
from tests.toy import toy_speech
from tests.train.corpus import REPO, losses, toy_document, write_corpus
from train.codec.config import Config, TrainingConfig, load
from train.codec.phoneme_head import PhonemeHead, PhonemeHeadConfig
from train.codec.setup import training_data
from train.codec.speaker_adversary import SpeakerAdversary, SpeakerAdversaryConfig
from train.codec.task import CodecTask, train
from train.codec.teacher import Teacher, distance
from train.data.perturb import Perturbation, PerturbConfig, draw
from train.data.wsola import stretched
from train.engine.learner import write_learner

RECIPES = REPO / "configs" / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
RATE = 22050
# What each file adds to the losses of the control run, or changes in the codec.
ADDS = {
    "phoneme_head": {"phonemes"},
    "speaker_adversary": {"speaker", "confusion"},
    "speaker_classes": {"speaker", "confusion"},
    "content": {"phonemes", "speaker", "confusion"},
    "distilled": {"teacher"},
    "pitch": {"pitch"},
    "pitch_followed": {"pitch", "conversion_pitch", "conversion_words"},
    "refiner": {"refined_mel", "discriminator", "adversarial", "features"},
    "everything": {"phonemes", "speaker", "confusion", "pitch", "conversion_pitch"},
    "prosody_digit": {"phonemes", "pitch", "conversion_pitch", "prosody"},
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return toy_document(folder, write_corpus(folder))


def _teacher(toy: dict) -> str:
    """A saved codec of the toy's sizes that hears the future."""
    folder = Path(toy["training"]["data"]["root"]) / "teacher"
    if not folder.exists():
        torch.manual_seed(0)
        causal = {"seanet": {"causal": False}, "transformer": {"causal": False}}
        config = from_dict(CodecConfig, merge(toy["codec"], causal))
        SecoustiCodec(config).save_pretrained(folder)
    return str(folder)


def _toy_version(name: str, toy: dict, output: str) -> Config:
    """The recipe at the sizes of the toy document, for 4 steps from random weights."""
    document = read_yaml(RECIPES / f"{name}.yaml")
    own = {k: toy["training"]["data"][k] for k in ("root", "train", "valid", "alignments", "cache")}
    data = {**own, "crop_seconds": 1.0, "window_seconds": 0.5, "batch_size": 4, "workers": 0}
    ramp = {"start": 0, "end": 1}
    schedule = {"total_steps": 4}
    for rising in {"confusion", "adversarial"} & document["training"]["schedule"].keys():
        schedule[rising] = ramp
    objective = {"phoneme_encoder": {"layers": 1}}
    if document["training"]["objective"].get("teacher"):
        objective["teacher"] = _teacher(toy)
    changes = {
        "codec": toy["codec"],
        "training": {
            "data": data,
            "schedule": schedule,
            "objective": objective,
            "run": {"output": output, "log_every": 1, "validate_every": 4, "save_every": 4,
                    "valid_items": 4, "probes": False, "vocoder": None, "device": "cpu"},
        },
    }  # fmt: skip
    return from_dict(Config, merge(document, changes))


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_trains_and_encodes(name, toy, tmp_path):
    train(_toy_version(name, toy, str(tmp_path)))
    found = {n.removeprefix("train/") for step, n in losses(tmp_path) if step == 4}
    assert found >= {"token_mel", "intelligibility", "contrastive"} | ADDS.get(name, set())
    codec = SecoustiCodec.from_pretrained(tmp_path / "codec")
    encoded = codec.encode(toy_speech(0.5), RATE)
    assert codec.decode_mel(encoded).isfinite().all()
    assert codec.causal == (name != "noncausal")


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_keeps_the_budget_of_the_control_run(name):
    control, recipe = (load(RECIPES / f"{n}.yaml").training for n in ("control", name))
    assert recipe.schedule.total_steps == control.schedule.total_steps
    assert (recipe.optim, recipe.warm_start) == (control.optim, control.warm_start)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_parameters_that_no_loss_has_reached_yet_do_not_keep_a_run_from_going_on(
    optimizer, toy, tmp_path
):
    """Without draws and before the KL terms begin, nothing reaches the variance of S."""
    config = _toy_version("control", toy, str(tmp_path))
    optim = replace(config.training.optim, name=optimizer)
    config = replace(config, training=replace(config.training, optim=optim))
    first, second = CodecTask(config), CodecTask(config)
    for task in (first, second):
        task.open(task.stages[0])
    first.learn([first.dataset[0]], 1)
    first.update(1)
    write_learner(tmp_path, "objective", first.learner.collect())
    second.learner.load(tmp_path, "objective", 1)
    for task in (first, second):
        task.learn([task.dataset[1]], 2)
        task.update(2)
    for name, value in first.objective.state_dict().items():
        assert torch.equal(value, second.objective.state_dict()[name]), name


def test_a_weight_without_its_network_is_refused(toy):
    config = _toy_version("content", toy, "nowhere").training
    taught = replace(config.schedule, teacher=1.0)
    with pytest.raises(SecoustiError, match=r"objective\.teacher"):
        TrainingConfig(config.data, config.run, taught, config.objective)
    for name in ("phoneme_head", "speaker_adversary"):
        objective = replace(config.objective, **{name: None})
        with pytest.raises(SecoustiError, match=rf"objective\.{name}"):
            TrainingConfig(config.data, config.run, config.schedule, objective)


# ------------------------------------------------------------------ phonemes
@pytest.fixture
def head() -> PhonemeHead:
    torch.manual_seed(0)
    return PhonemeHead(8, 4, PhonemeHeadConfig())


def test_phonemes_of_frames_become_a_sequence_without_silences(head):
    silence, a, b = symbol_ids([SILENCE, "AA1", "S"])
    frames = torch.tensor([silence, silence, a, a, b, silence, b, a])
    assert head.sequence(frames).tolist() == [a, b, b, a]
    frames[3] = IGNORE
    assert head.sequence(frames).tolist() == []


@pytest.mark.parametrize("kind", ["ctc", "frame"])
def test_latents_that_tell_phonemes_are_rewarded_and_padding_and_the_unaligned_do_not_count(kind):
    torch.manual_seed(0)
    head = PhonemeHead(8, 4, PhonemeHeadConfig(kind=kind))
    phonemes = torch.tensor(symbol_ids(["AA1", "S", "N", "IY1", "AA1"])).repeat_interleave(8)
    phonemes = torch.stack([phonemes, torch.full_like(phonemes, IGNORE), phonemes])
    mask = torch.ones(3, 10).bool()
    mask[2, 6:] = False
    latents = torch.randn(3, 8, 10, requires_grad=True)
    before = head(latents, phonemes, mask)
    before.backward()
    gradient = latents.grad.abs().sum(1)
    assert (gradient[0] > 0).all()
    assert gradient[1].sum() == 0
    assert (gradient[2, :6] > 0).all()
    assert gradient[2, 6:].sum() == 0
    optimizer = torch.optim.Adam([latents, *head.parameters()], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = head(latents, phonemes, mask)
        loss.backward()
        optimizer.step()
    assert loss < 0.3 * before


def test_nothing_aligned_is_no_loss(head):
    nothing = torch.full((2, 12), IGNORE)
    assert head(torch.randn(2, 8, 3), nothing, torch.ones(2, 3).bool()) == 0


# ------------------------------------------------------------------ speaker
@pytest.mark.parametrize("kind", ["voices", "speakers"])
def test_the_adversary_learns_from_one_loss_and_the_encoder_from_the_other(kind):
    torch.manual_seed(0)
    adversary = SpeakerAdversary(6, 3, SpeakerAdversaryConfig(kind, channels=8))
    semantic, voice = (torch.randn(4, 6, *n, requires_grad=True) for n in ((9,), ()))
    mask = torch.ones(4, 9).bool()
    mask[1, 5:] = False
    found = adversary.losses(semantic, mask, voice, torch.tensor([0, 1, 2, 0]))
    found["speaker"].backward(retain_graph=True)
    assert semantic.grad is None
    assert all(p.grad is not None for p in adversary.parameters())
    adversary.zero_grad()
    found["confusion"].backward()
    assert all(p.grad is None for p in adversary.parameters())
    assert semantic.grad.abs().sum() > 0
    assert semantic.grad[1, :, 5:].abs().sum() == 0
    assert voice.grad is None
    assert found["confusion"] >= 0


@pytest.mark.parametrize("kind", ["voices", "speakers"])
def test_a_speaker_that_can_be_told_is_told_and_then_hidden(kind):
    torch.manual_seed(0)
    adversary = SpeakerAdversary(6, 4, SpeakerAdversaryConfig(kind, channels=8))
    speakers, voices = torch.tensor([0, 1, 2, 3, 0]), torch.randn(4, 6)
    said, mask = torch.randn(5, 6, 9), torch.ones(5, 9).bool()
    semantic = (said + 2 * voices[speakers, :, None]).requires_grad_(True)
    learner = torch.optim.Adam(adversary.parameters(), lr=0.02)
    hider = torch.optim.Adam([semantic], lr=0.2)
    histories = {}
    for name, optimizer in (("speaker", learner), ("confusion", hider)):
        histories[name] = []
        for _ in range(60):
            found = adversary.losses(semantic, mask, voices[speakers], speakers)[name]
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            histories[name].append(found.item())
    assert histories["speaker"][-1] < 0.5 * histories["speaker"][0]
    assert histories["confusion"][-1] < 0.3 * histories["confusion"][0]


def test_padding_changes_no_answer():
    torch.manual_seed(0)
    adversary = SpeakerAdversary(6, 3, SpeakerAdversaryConfig(channels=8)).eval()
    semantic, voice = torch.randn(1, 6, 12), torch.randn(1, 6)
    mask = torch.arange(12)[None] < 8
    whole = adversary(semantic, mask, voice)
    torch.testing.assert_close(whole, adversary(semantic[..., :8], mask[:, :8], voice))


# ------------------------------------------------------------------ teacher
def test_the_teacher_hears_the_future_and_stays_as_it_was(toy):
    student = SecoustiCodec(from_dict(CodecConfig, toy["codec"]))
    teacher = Teacher(_teacher(toy), student).train()
    assert not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
    mel = torch.randn(1, 80, 16)
    later = mel.clone()
    later[..., 12:] += 1
    assert not torch.equal(teacher(later)[..., 0], teacher(mel)[..., 0])


def test_the_same_latents_are_no_distance_and_padding_does_not_count():
    latents = torch.randn(2, 5, 6)
    mask = torch.ones(2, 6).bool()
    assert distance(3 * latents, latents, mask) == pytest.approx(0, abs=1e-6)
    mask[1, 3:] = False
    other = latents.clone()
    other[1, :, 3:] = 7
    assert distance(other, latents, mask) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"mel": {"n_mels": 40}}, "other mels"), ({"seanet": {"ratios": [2]}}, "every 2 mel frames")],
)
def test_a_teacher_of_other_frames_is_refused(changes, reason, toy, tmp_path):
    SecoustiCodec(from_dict(CodecConfig, merge(toy["codec"], changes))).save_pretrained(tmp_path)
    with pytest.raises(SecoustiError, match=reason):
        Teacher(str(tmp_path), SecoustiCodec(from_dict(CodecConfig, toy["codec"])))


# ------------------------------------------------------------------ perturbation
def _tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def _pitch(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    return float(spectrum.argmax() * RATE / len(audio))


@pytest.mark.parametrize("seconds", [0.7, 1.3])
def test_another_length_keeps_pitch_and_level(seconds):
    audio = stretched(_tone(200), int(seconds * RATE), RATE)
    assert len(audio) == int(seconds * RATE)
    assert _pitch(audio) == pytest.approx(200, abs=2)
    assert audio.std() == pytest.approx(_tone(200).std(), rel=0.05)


@pytest.mark.parametrize("length", [0, 1, 5, 700])
def test_any_length_is_answered(length):
    assert stretched(np.ones(length, np.float32), 333, RATE).shape == (333,)
    assert Perturbation(1.3, np.zeros(8))(np.ones(max(length, 1), np.float32), RATE).ndim == 1


def test_another_voice_has_another_pitch_and_says_things_when_they_were_said():
    audio = _tone(200)
    audio[: RATE // 2] = 0
    sound = Perturbation(1.25, np.zeros(8))(audio, RATE)
    assert len(sound) == len(audio)
    assert _pitch(sound[RATE // 2 :]) == pytest.approx(250, abs=5)
    assert np.abs(sound[: RATE // 2 - 800]).max() < 0.02
    assert np.abs(sound[RATE // 2 + 800 :]).max() > 0.25


def test_the_equalizer_moves_levels_and_a_key_draws_the_same_again():
    config = PerturbConfig(share=1.0, equalizer_db=6.0)
    first, again = draw(config, [3, 4]), draw(config, [3, 4])
    assert first is not None
    assert again is not None
    assert first.factor == again.factor
    np.testing.assert_array_equal(first.gains, again.gains)
    loud = Perturbation(1.0, np.full(8, 6.0))(_tone(300), RATE)
    assert loud.std() / _tone(300).std() == pytest.approx(2, rel=0.05)
    assert draw(PerturbConfig(share=0.0), [3, 4]) is None


@pytest.mark.parametrize("wrong", [{"share": 2.0}, {"pitch": (1.2, 0.9)}, {"equalizer_db": -1.0}])
def test_values_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SecoustiError, match=r"perturb\."):
        PerturbConfig(**wrong)


def test_only_the_encoder_is_given_another_voice(toy):
    config = _toy_version("perturbation", toy, "nowhere")
    plain = replace(config.training.data, perturb=PerturbConfig())
    still = replace(config, training=replace(config.training, data=plain))
    batch, same = training_data(config, 0, 1)[0], training_data(still, 0, 1)[0]
    assert same.encoder_audio is None
    assert not same.perturbed.any()
    for name in ("audio", "window", "phonemes", "lengths", "speakers"):
        assert torch.equal(getattr(batch, name), getattr(same, name)), name
    assert 0 < batch.perturbed.sum() < len(batch.perturbed)
    changed = (batch.encoder_audio != batch.audio).any(dim=1)
    assert torch.equal(changed, batch.perturbed)
