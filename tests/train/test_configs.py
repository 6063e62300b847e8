"""Every file of configs/ is valid; every ablation trains 20 steps and encodes at toy size."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from secousti import SecoustiCodec
from secousti.config import VocoderConfig, from_dict, load_codec_config, merge, read_yaml
from secousti.errors import SecoustiError
from tests.toy import toy_speech
from tests.train.corpus import REPO, losses, toy_document, write_config, write_corpus
from train.codec.config import Config, load
from train.codec.schedule import Schedule
from train.codec.task import train
from train.voice import config as voice

CONFIGS = REPO / "configs"
ABLATIONS = sorted(path.stem for path in (CONFIGS / "ablations").glob("*.yaml"))
PHASES = sorted(CONFIGS.glob("mini_*hz_*.yaml"))
MODELS = ["secousti_21hz", "secousti_86hz", "mini_21hz", "mini_86hz"]
# Table II, row by row: quantizer, variational, causal, strategy, acoustic dimension.
TABLE_II = {
    "vq": ("vq", False, True, "stages", 256),
    "vq_without_stages": ("vq", False, True, "joint", 256),
    "vq_without_causal": ("vq", False, False, "stages", 256),
    "vq_without_causal_without_stages": ("vq", False, False, "joint", 256),
    "vq_with_f0": ("vq", False, True, "stages", 256),
    "vq_with_f0_without_stages": ("vq", False, True, "joint", 256),
    "simvq": ("simvq", False, True, "stages", 256),
    "fsq_8dim": ("fsq", False, True, "stages", 8),
    "fsq_64dim": ("fsq", False, True, "stages", 64),
    "fsq_256dim": ("fsq", False, True, "stages", 256),
    "fsq_64dim_without_stages": ("fsq", False, True, "joint", 64),
    "vae_fsq_64dim": ("fsq", True, True, "stages", 64),
    "paper": ("fsq", True, True, "stages", 256),
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return toy_document(folder, write_corpus(folder))


@pytest.mark.parametrize("name", MODELS)
def test_models_load(name):
    config = load(CONFIGS / f"{name}.yaml")
    assert config.training.run.output == f"runs/{name.replace('_', '-')}"
    tokens = config.training.data.crop_seconds * 22050 / 256
    for ratio in config.codec.seanet.ratios:
        tokens /= ratio
    assert round(tokens) == pytest.approx(tokens, abs=0.02), "crops are whole numbers of tokens"


@pytest.mark.parametrize("path", PHASES, ids=lambda path: path.stem)
def test_phases_of_the_bundled_models_load_and_plan_their_last_step(path):
    config = load(path, ("training.data.alignments=[]",))
    schedule = Schedule(config.training.schedule)
    last = schedule.at(config.training.schedule.total_steps)
    assert last.step == last.stage.last_step


def test_the_listener_hears_the_mels_of_the_models_that_ask_it():
    listener = voice.load(CONFIGS / "voice_listener.yaml")
    for name in ("mini_21hz_voices", "mini_86hz_voices"):
        config = load(CONFIGS / f"{name}.yaml")
        assert config.codec.mel == listener.mel
        assert config.training.objective.listener == f"{listener.training.run.output}/listener"


@pytest.mark.parametrize("row", TABLE_II)
def test_table_two_row_by_row(row):
    config = load(CONFIGS / "ablations" / f"{row}.yaml")
    quantizer, codec = config.codec.quantizer, config.codec
    assert codec.seanet.causal == codec.transformer.causal
    found = (quantizer.kind, quantizer.variational, codec.seanet.causal)
    found += (config.training.schedule.strategy, codec.acoustic_dim)
    assert found == TABLE_II[row]
    assert (codec.pitch is not None) == ("with_f0" in row)


def test_the_papers_network_is_as_large_as_the_paper_says():
    """377 MiB of float32 with HiFT, where the paper says 379 MB; Table III is at 0.27 kbit/s."""
    config = load(CONFIGS / "ablations" / "paper.yaml")
    with torch.device("meta"):
        codec = SecoustiCodec(replace(config.codec, vocoder=VocoderConfig(kind="hift")))
    size = sum(p.numel() for p in codec.parameters()) * 4 / 2**20
    assert size == pytest.approx(377, abs=2)
    assert config.training.objective.reduction == "sum"
    assert config.codec.paralinguistic.window_frames == round(3 * 22050 / 256)
    single = load(CONFIGS / "ablations" / "single_speaker.yaml")
    assert single.codec == config.codec


@pytest.mark.parametrize("name", ["secousti_21hz", "paper"])
def test_the_papers_numbers(name):
    folder = CONFIGS if name == "secousti_21hz" else CONFIGS / "ablations"
    config = load(folder / f"{name}.yaml").training
    assert config.schedule.stage1_end == 10_000
    assert (config.schedule.alpha, config.schedule.beta) == (1.0, 1e-5)
    for kl in (config.schedule.kl_semantic, config.schedule.kl_para):
        assert (kl.start, kl.end, kl.upper) == (20_000, 30_000, 1e-5)
    assert (config.optim.name, config.optim.lr, config.optim.schedule) == ("adam", 2e-4, "constant")
    assert (config.data.batch_size, config.data.window_seconds) == (64, 3.0)
    assert config.schedule.token_mel == 0


def test_ablations_name_their_base_and_change_a_few_lines():
    for name in ABLATIONS:
        text = (CONFIGS / "ablations" / f"{name}.yaml").read_text()
        assert "base" in yaml.safe_load(text)
        assert len(text.splitlines()) <= 14


def _toy_version(name: str, toy: dict, folder: Path) -> Config:
    """The ablation at the sizes of the toy document, for 20 steps."""
    document = read_yaml(CONFIGS / "ablations" / f"{name}.yaml")
    codec = {k: v for k, v in toy["codec"].items() if k != "acoustic_dim"}
    if document["codec"]["quantizer"]["kind"] != "fsq":
        codec["quantizer"] = {"codebook_size": 32, "codebook_dim": 4}
    training = {k: toy["training"][k] for k in ("data", "run", "calibrate")}
    training["schedule"] = {"stage1_end": 8, "total_steps": 20}
    training["objective"] = {"phoneme_encoder": {"layers": 1}, "tile": 16}
    training = merge(training, {"run": {"output": str(folder), "mixed_precision": "no"}})
    document = merge(document, {"codec": codec, "training": training})
    document["codec"]["vocoder"] = None
    return from_dict(Config, document)


@pytest.mark.parametrize("name", [n for n in ABLATIONS if n != "single_speaker"])
def test_ablations_train_twenty_steps_and_encode(name, toy, tmp_path):
    pytest.importorskip("vector_quantize_pytorch")
    config = _toy_version(name, toy, tmp_path)
    train(config)
    values = losses(tmp_path)
    assert {step for step, _ in values} == set(range(1, 21))
    expected = {"train/acoustic", "train/contrastive", "train/commitment"}
    assert {n for step, n in values if step == 20} >= expected
    codec = SecoustiCodec.from_pretrained(tmp_path / "checkpoints" / "last" / "codec")
    encoded = codec.encode(toy_speech(0.5), 22050)
    assert encoded.codes.shape == (1, 1, -(-11025 // codec.frame_size))
    assert codec.decode_mel(encoded).isfinite().all()


def test_a_single_speaker_decoder_keeps_the_tokens(toy, tmp_path):
    first = _toy_version("paper", toy, tmp_path / "first")
    train(first)
    trained = tmp_path / "first" / "checkpoints" / "last" / "codec"
    document = read_yaml(CONFIGS / "ablations" / "single_speaker.yaml")
    assert document["training"]["schedule"]["strategy"] == "decoder"
    config = _toy_version("single_speaker", toy, tmp_path / "second")
    training = replace(config.training, warm_start=str(trained))
    train(replace(config, training=training))
    before = SecoustiCodec.from_pretrained(trained)
    after = SecoustiCodec.from_pretrained(tmp_path / "second" / "checkpoints" / "last" / "codec")
    assert _changed(before, after) == {"decoder"}
    speech = toy_speech(0.5)
    assert torch.equal(before.encode(speech, 22050).codes, after.encode(speech, 22050).codes)


def _changed(before: SecoustiCodec, after: SecoustiCodec) -> set[str]:
    new = after.state_dict()
    return {n.split(".")[0] for n, t in before.state_dict().items() if not torch.equal(t, new[n])}


def test_frozen_parts_do_not_train(toy, tmp_path):
    config = _toy_version("paper", toy, tmp_path / "run")
    training = replace(config.training, freeze=("decoder.seanet", "connector"), calibrate=False)
    train(replace(config, training=training))
    torch.manual_seed(config.training.run.seed)
    start = SecoustiCodec(config.codec)
    end = SecoustiCodec.from_pretrained(tmp_path / "run" / "checkpoints" / "last" / "codec")
    names = {n for n, t in start.state_dict().items() if not torch.equal(t, end.state_dict()[n])}
    assert not [n for n in names if n.startswith(("decoder.seanet", "connector"))]
    assert [n for n in names if n.startswith("decoder.transformer")]


def test_a_warm_start_takes_what_fits(toy, tmp_path):
    from train.codec.warm_start import warm_start

    config = _toy_version("paper", toy, tmp_path)
    torch.manual_seed(1)
    saved = SecoustiCodec(config.codec)
    saved.save_pretrained(tmp_path / "saved")
    other = SecoustiCodec(_toy_version("fsq_8dim", toy, tmp_path).codec)
    fresh = warm_start(other, str(tmp_path / "saved"))
    assert set(fresh) == {"acoustic_projection", "connector", "decoder"}
    assert torch.equal(
        other.encoder.state_dict()["layers.layers.0.conv.weight"],
        saved.encoder.state_dict()["layers.layers.0.conv.weight"],
    )


def test_overrides_and_their_mistakes(toy, tmp_path):
    path = write_config(tmp_path, toy)
    assert load(path, ("training.optim.lr=1e-3",)).training.optim.lr == 1e-3
    assert load(path, ("training.run.mixed_precision=no",)).training.run.mixed_precision == "no"
    document = merge(toy, {"training": {"run": {"mixed_precision": False}}})  # YAML 1.1's no
    off = load(write_config(tmp_path, document, "off.yaml"))
    assert off.training.run.mixed_precision == "no"
    with pytest.raises(SecoustiError, match=r"training\.optim: unknown key 'rate'"):
        load(path, ("training.optim.rate=1",))
    with pytest.raises(SecoustiError, match="not of the form"):
        load(path, ("training.optim.lr",))


def test_schedules_of_all_ablations_reach_their_last_step():
    for name in ABLATIONS:
        schedule = Schedule(load(CONFIGS / "ablations" / f"{name}.yaml").training.schedule)
        assert schedule.stages[-1].last_step == schedule.config.total_steps


@pytest.mark.parametrize(
    ("name", "ratios", "parameters"),
    # Parameter counts of the release without its variance-only dead weights: specification, 11,
    # less the two outer columns of every 3x3 kernel of the paralinguistic encoder.
    [("secousti_21hz", (2, 2), 103_485_144), ("secousti_86hz", (1, 1), 103_321_304)],
)
def test_full_size_configurations(name: str, ratios: tuple[int, ...], parameters: int) -> None:
    config = load_codec_config(CONFIGS / f"{name}.yaml")
    assert config.seanet.ratios == ratios
    with torch.device("meta"):
        codec = SecoustiCodec(replace(config, vocoder=None))
    channels = (80, *config.paralinguistic.conv_channels)
    dead = sum(6 * a * b for a, b in itertools.pairwise(channels))
    assert sum(p.numel() for p in codec.parameters()) + dead == parameters
