"""Stage 1, the token cache and stage 2: exact resume, independence, the real commands."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from secousti import SecoustiError, load_codec
from secousti.p2psyn.config import PseudoConfig
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer
from secousti.p2psyn.teacher import Teacher
from tests.p2psyn.conftest import Make
from tests.p2psyn.toy import tiny_config
from train.engine.optim import rate
from train.engine.run import Run
from train.p2psyn.config import Config, OptimConfig, load
from train.p2psyn.crops import at_level
from train.p2psyn.pseudo import PseudoTask, extract_tokens, train_pseudo
from train.p2psyn.teacher import train_teacher
from train.p2psyn.tokens import TokenCache, Tokens, padded, write_cache


def steps_to(config: Config, stage: str, steps: int) -> Config:
    part = getattr(config, stage)
    optim = replace(part.optim, steps=steps)
    return replace(config, **{stage: replace(part, optim=optim)})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def last_state(config: Config, stage: str) -> dict[str, torch.Tensor]:
    kind = "teacher" if stage == "teacher" else "pseudo"
    last = Path(config.run.output) / stage / "checkpoints" / "last"
    return load_file(last / f"{kind}.safetensors")


def test_teacher_resumes_exactly(make_config: Make) -> None:
    """Four steps at once, or two, a new process state, and two more: the same weights."""
    torch.manual_seed(99)
    train_teacher(make_config("once"))
    parts = make_config("parts")
    train_teacher(steps_to(parts, "teacher", 2))
    torch.manual_seed(7)  # a resumed process starts with other random numbers
    best = train_teacher(parts)
    whole, resumed = last_state(make_config("once"), "teacher"), last_state(parts, "teacher")
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    assert Teacher.from_pretrained(best).config == parts.codec
    lines = (Path(parts.run.output) / "teacher" / "metrics.csv").read_text().splitlines()
    assert any(",train/discriminator," in line for line in lines)  # adversaries were at work
    assert any(",valid/perplexity2," in line for line in lines)


@pytest.mark.parametrize("causal", [False, True])
def test_pseudo_vqs_resume_exactly_and_keep_the_teacher(make_config: Make, causal: bool) -> None:
    config = make_config("run", causal)
    teacher = train_teacher(steps_to(config, "teacher", 2))
    extract_tokens(config)
    train_pseudo(config, name="once")
    train_pseudo(steps_to(config, "pseudo", 2), name="parts")
    torch.manual_seed(3)
    best = train_pseudo(config, name="parts")
    whole, resumed = last_state(config, "once"), last_state(config, "parts")
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    codec = load_codec(best)
    for name, tensor in weights(teacher).items():
        assert torch.equal(codec.state_dict()[f"teacher.{name}"], tensor), name
    assert codec.pseudo.prior.std() > 0  # the corpus' frequencies, not the uniform start


def test_without_pseudo_vqs_stage_two_is_the_plain_codec(make_config: Make) -> None:
    """The row N = 0 of the paper's Table 2."""
    config = make_config(**{"codec.quantizer.pseudo_stages": 0})
    teacher = train_teacher(steps_to(config, "teacher", 2))
    codec = load_codec(train_pseudo(config))
    assert codec.encode(torch.randn(1, 1, 4000) * 0.1, 16000).codes.shape[1] == 1
    for name, tensor in weights(teacher).items():
        assert torch.equal(codec.state_dict()[f"teacher.{name}"], tensor), name


def test_tokens_of_another_teacher_are_refused(make_config: Make) -> None:
    config = make_config()
    train_teacher(steps_to(config, "teacher", 2))
    extract_tokens(config)
    other = make_config("other", **{"run.seed": 5})
    train_teacher(steps_to(other, "teacher", 2))
    with pytest.raises(SecoustiError, match="another teacher"):
        train_pseudo(config, str(Path(other.run.output) / "teacher" / "best"))


def test_cache_round_trip_and_damage(tmp_path: Path) -> None:
    codes = [torch.randint(0, 9, (3, n)) for n in (4, 1, 7)]
    vectors = torch.randn(3, 9, 5)
    write_cache(tmp_path / "t.safetensors", codes, vectors, "abc")
    cache = TokenCache(tmp_path / "t.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(cache.codes, codes, strict=True))
    assert torch.equal(cache.vectors, vectors)
    assert cache.token_hash == "abc"
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((tmp_path / "t.safetensors").read_bytes()[:-9])
    with pytest.raises(SecoustiError, match="no token cache"):
        TokenCache(damaged)
    with pytest.raises(SecoustiError, match="tokens"):
        TokenCache(tmp_path / "missing.safetensors")
    with pytest.raises(SecoustiError, match=r"0\.\.8"):
        write_cache(tmp_path / "x", [torch.full((3, 2), 9)], vectors, "")


def foreign_cache(tmp_path: Path) -> TokenCache:
    """Another codec: four stages, of which the last two repeat what the first two say."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for _ in range(8):
        first = torch.randint(0, 8, (2, 40), generator=generator)
        rows.append(torch.cat([first, (first + 3) % 8], dim=0))
    vectors = torch.randn(4, 8, 6, generator=generator)
    write_cache(tmp_path / "foreign.safetensors", rows, vectors, "another codec")
    return TokenCache(tmp_path / "foreign.safetensors")


def test_a_pseudo_quantizer_for_another_codec_learns(tmp_path: Path, make_config: Make) -> None:
    """Two given stages, two predictable ones: accuracy goes from chance to nearly all."""
    cache = foreign_cache(tmp_path)
    tiny = PseudoConfig(
        channels=32, heads=2, blocks=1, ffn=32, conv_kernel=3, lstm_channels=32, dropout=0.0
    )
    torch.manual_seed(0)
    pseudo = PseudoQuantizer(tiny, dim=6, codebook_size=8, stages=2)
    base = make_config()
    optim = OptimConfig(steps=120, lr=1e-2, betas=(0.9, 0.99), schedule="cosine", clip=1.0)
    config = replace(base, pseudo=replace(base.pseudo, optim=optim))
    batches = [padded(cache.codes)]
    run = replace(config.run, validate_every=1000, save_every=1000, log_every=60)
    config = replace(config, run=replace(run, output=str(tmp_path / "plug")))
    config = replace(config, pseudo=replace(config.pseudo, batch_size=6, tokens=20))
    task = PseudoTask(config, pseudo, cache, batches)
    task.open(task.stage(1))
    before, _ = task.validate()
    Run(task).run()
    after, _ = task.validate()
    best = tmp_path / "plug" / "pseudo" / "best"
    assert before["accuracy1"] < 0.4
    assert after["accuracy1"] > 0.95
    assert after["accuracy2"] > 0.95
    assert after["latent_error"] < 0.1 * after["dropped_error"]
    loaded = PseudoQuantizer(tiny, 6, 8, 2)
    loaded.load_state_dict(load_file(best / "pseudo.safetensors"))
    codes, lengths = batches[0]
    predicted = loaded.eval().predict(codes[:, :2], cache.vectors, lengths)
    assert (predicted == codes).float().mean() > 0.95


def test_stages_are_trained_independently(tmp_path: Path, make_config: Make) -> None:
    """The first stage ends with the same weights whatever the second one learns from."""
    cache = foreign_cache(tmp_path)
    results = []
    for shift in (0, 1):
        torch.manual_seed(0)
        tiny = replace(tiny_config().pseudo, dropout=0.0)
        pseudo = PseudoQuantizer(tiny, 6, 8, 2)
        task = PseudoTask(make_config(), pseudo, cache, [])
        task.open(task.stage(1))
        codes, lengths = padded(cache.codes)
        codes[:, 3] = (codes[:, 3] + shift) % 8
        for step in (1, 2):
            task.learn([Tokens(codes, lengths, [])], step)
            task.update(step)
        results.append(pseudo.state_dict())
    same = {name: torch.equal(t, results[1][name]) for name, t in results[0].items()}
    assert all(ok for name, ok in same.items() if name.startswith("stages.0"))
    assert not all(same.values())


def test_free_running_and_distillation_take_part(tmp_path: Path, make_config: Make) -> None:
    cache = foreign_cache(tmp_path)
    guide = PseudoQuantizer(tiny_config().pseudo, 6, 8, 2)
    losses = []
    for free, teacher in ((0.0, None), (1.0, None), (0.0, guide)):
        torch.manual_seed(0)
        base = make_config()
        config = replace(base, pseudo=replace(base.pseudo, free_running=free))
        pseudo = PseudoQuantizer(replace(tiny_config().pseudo, dropout=0.0), 6, 8, 2)
        task = PseudoTask(config, pseudo, cache, [], guide=teacher)
        task.open(task.stage(1))
        losses.append(task.learn([Tokens(*padded(cache.codes), [])], 1))
    assert float(losses[0]["loss1"]) == float(losses[1]["loss1"])  # stage 1 has no predicted input
    assert float(losses[0]["loss2"]) != float(losses[1]["loss2"])
    assert float(losses[2]["loss1"]) > float(losses[0]["loss1"])


def test_learning_rates() -> None:
    paper = OptimConfig(lr=2e-4, decay=0.999, epoch_steps=10)
    assert rate(paper, 9, paper.steps) == 2e-4
    assert rate(paper, 25, paper.steps) == pytest.approx(2e-4 * 0.999**2)
    cosine = OptimConfig(steps=100, lr=1.0, schedule="cosine", warmup_steps=10, final_lr=0.1)
    assert rate(cosine, 4, 100) == pytest.approx(0.5)
    assert rate(cosine, 55, 100) == pytest.approx(0.55)
    assert rate(cosine, 100, 100) == pytest.approx(0.1)


def test_levels() -> None:
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.01
    level = 20 * math.log10(float(np.sqrt(np.mean(at_level(noise, -20.0) ** 2))))
    assert level == pytest.approx(-20, abs=0.01)
    assert not at_level(np.zeros(10, np.float32), -20.0).any()
    spike = np.zeros(8000, np.float32)
    spike[5] = 0.5
    assert np.abs(at_level(spike, -6.0)).max() <= 1.0


def test_a_wrong_file_is_one_sentence(tmp_path: Path, make_config: Make) -> None:
    make_config()
    path = tmp_path / "run.yaml"
    with pytest.raises(SecoustiError, match=r"2521 \+ 40"):
        load(path, ("teacher.segment=2521",))
    with pytest.raises(SecoustiError, match="unknown key 'stesp'"):
        load(path, ("teacher.optim.stesp=1",))
    command = [sys.executable, "-m", "train.p2psyn", "pseudo", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.strip().startswith("error: ")
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "path", sorted(Path("configs/p2psyn").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_configurations_are_valid(path: Path) -> None:
    config = load(path)
    assert config.codec.frame_size == 320
