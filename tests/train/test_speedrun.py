"""``python -m train.speedrun``: recordings to a codec within a budget; finished phases stay."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import soundfile

from data_prep.__main__ import main as data_prep
from data_prep.division import Recordings
from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from tests.train.corpus import toy_document, write_corpus
from train.budget import clocked, launch
from train.budget.ledger import Ledger, Stopped
from train.budget.phase import Phase, run_phase
from train.budget.sizes import planned_steps, refitted_steps, report_changes, step_changes
from train.codec.config import load
from train.engine.command import one_sentence
from train.engine.pace import CHECKPOINT, Pace
from train.speedrun.go import CONFIGS, Wish, go
from train.speedrun.recipe import Plan, read_recipe

SMALL = (
    "codec.seanet={dimension: 16, n_filters: 4}",
    "codec.transformer={d_model: 16, num_heads: 2, dim_feedforward: 32, context: 8}",
    "codec.depth={acoustic: 1, semantic: 1, connector: 1, decoder: 1}",
    "codec.paralinguistic={conv_channels: [8, 8, 8, 8, 8, 16], hidden_size: 8}",
    "codec.acoustic_dim=12",
    "vocoder.causal_istft={channels: 16, layers: 1, pitch_channels: 8}",
    "training.data.batch_size=2",
    "training.run.device=cpu",
    "training.run.mixed_precision=no",
    "training.run.samples=1",
    "codec:training.data.crop_seconds=0.4",
    "codec:training.data.window_seconds=0.3",
    "codec:training.run.valid_items=2",
    "codec:training.objective.tile=16",
    "codec:training.objective.phoneme_encoder={layers: 1}",
    "heard:training.objective.discriminator={channels: 4, max_channels: 8}",
    "vocoder:training.data.frames=6",
    "vocoder:training.data.warm=8",
    "tuning:training.loss.discriminators={channels: 2, max_channels: 4}",
    "tuning:training.loss.adversarial_frames=6",
)


def test_recordings_become_a_codec_that_speaks_and_finished_phases_stay(tmp_path, monkeypatch):
    manifest = write_corpus(tmp_path)
    wish = Wish(str(manifest), tmp_path / "out", 0.01, recipe="mini", changes=SMALL)
    real, run = launch.run_phase, []

    def interrupted(phase, until):
        run.append(phase.name)
        if phase.name == "joint" and run.count("joint") == 1:
            raise Stopped("stopped")
        real(phase, until)

    monkeypatch.setattr(launch, "run_phase", interrupted)
    with pytest.raises(Stopped):
        go(wish)
    go(wish)
    assert run == ["codec", "vocoder", "joint", "joint", "heard", "tuning"]
    codec = SecoustiCodec.from_pretrained(wish.output / "codec")
    audio = codec.decode(codec.encode(str(tmp_path / "u00.wav")))
    assert audio.shape[-1] == soundfile.info(tmp_path / "u00.wav").frames
    page = (wish.output / "report.html").read_text()
    assert "s a step, measured before" in page
    assert page.count("<audio") >= 2
    aligned = json.loads((wish.output / "job.json").read_text())["done"]["alignment"]
    assert sum(counts["aligned"] for counts in aligned.values()) == 12
    assert (wish.output / "curves.png").stat().st_size > 0
    assert go(wish).startswith("the codec is in")  # finished: nothing trains again
    assert len(run) == 6


def test_steps_fill_the_time_and_ramps_keep_their_place():
    pace = Pace()
    for stage, seconds in (("acoustic", 0.1), ("semantic", 0.2)):
        for first in (5.0, 5.0, *[seconds] * 4):  # the first two are not typical
            pace.add(stage, first)
    pace.add(CHECKPOINT, 1.0)
    steps = planned_steps(pace, {"acoustic": 1, "semantic": 3}, 102.0, least=2)
    assert steps == {"acoustic": 237, "semantic": 356}  # 95 % of 100 s, a quarter and the rest
    config = load(CONFIGS / "mini_21hz.yaml")
    changes = dict(change.split("=") for change in step_changes(config, steps))
    assert changes["training.schedule.total_steps"] == "593"
    assert changes["training.schedule.stage1_end"] == "237"
    measured = {"acoustic": 0.1, "semantic": 0.2, CHECKPOINT: 1.0}
    often = dict(change.split("=") for change in report_changes(steps, 102.0, measured))
    assert often["training.run.save_every"] == str(round(60 / ((237 * 0.1 + 356 * 0.2) / 593)))
    assert often["training.run.validate_every"] == str(-(-593 // 5))  # 5 s for five of 1 s
    assert changes["training.schedule.kl_para.start"] == str(round(3400 * 593 / 5400))


def test_a_plan_is_cut_only_where_the_time_is_too_short():
    steps, each = {"a": 100, "b": 50}, {"a": 1.0, "b": 2.0}
    assert refitted_steps(steps, each, 60, 145.0, 2) == steps
    assert refitted_steps(steps, each, 60, 70.0, 2) == {"a": 80, "b": 25}
    assert refitted_steps(steps, each, 120, 0.0, 2) == {"a": 100, "b": 22}


@pytest.mark.parametrize("name", ["short", "mini", "gpu"])
def test_shipped_recipes_are_whole(name, tmp_path):
    recipe = read_recipe(CONFIGS / "speedrun" / f"{name}.yaml")
    recordings = Recordings("train.jsonl", "valid.jsonl", 600.0, 60.0, 10, True, 5, {})
    Plan(recipe, tmp_path, recordings, ["aligned.jsonl"], ()).check()
    files = {phase: (tmp_path / "phases" / f"{phase}.yaml").read_text() for phase in recipe.phases}
    assert all("shared" not in text for text in files.values())  # no place of the file it came from
    assert sum(spec.share for spec in recipe.phases.values()) == pytest.approx(1)


def test_minutes_choose_recipe_and_processes_and_a_job_keeps_its_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    chosen = {
        minutes: Wish("x", tmp_path, minutes, gpus=None) for minutes in (2.0, 20.0, 44.0, 90.0)
    }
    names = {minutes: wish.recipe_file().stem for minutes, wish in chosen.items()}
    assert names == {2.0: "short", 20.0: "short", 44.0: "short", 90.0: "mini"}
    assert [wish.processes() for wish in chosen.values()] == [1, 3, 3, 3]
    assert Wish("x", tmp_path, 20.0, gpus=2).processes() == 2
    Ledger(tmp_path, 20.0, chosen[20.0].job())
    assert Wish("x", tmp_path, 90.0).recipe_file().stem == "short"
    with pytest.raises(SecoustiError, match="another job"):
        Ledger(tmp_path, 20.0, Wish("x", tmp_path, 20.0, recipe="mini").job())


def test_a_plan_that_proves_too_long_is_cut_while_it_trains(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(clocked, "_SECONDS", 0.5)
    phase = Phase(tmp_path, "codec", "codec", {"acoustic": 1.0, "semantic": 1.0})
    phase.write(toy_document(tmp_path, write_corpus(tmp_path)))
    hoped = {"acoustic": 3000, "semantic": 3000}
    changes = [*step_changes(phase.config(), hoped), "training.run.save_every=6000"]
    seconds = {"acoustic": 1e-6, "semantic": 1e-6}
    phase.plan.write_text(json.dumps({"steps": hoped, "changes": changes, "seconds": seconds}))
    run_phase(phase, time.time() + 1.0)
    assert "codec: steps take longer than planned for; fewer of them fit" in capsys.readouterr().out
    plan = json.loads(phase.plan.read_text())
    assert all(2 <= count < 3000 for count in plan["steps"].values())
    assert plan["seconds"]["acoustic"] > 1e-6
    assert SecoustiCodec.from_pretrained(phase.output / "codec").sample_rate == 22050


def test_time_between_two_lives_of_a_job_does_not_count(tmp_path):
    ledger = Ledger(tmp_path, 1.0, {"a": 1})
    with pytest.raises(KeyError), ledger.part("x"):
        raise KeyError
    again = Ledger(tmp_path, 1.0, {"a": 1})
    assert again.left() == pytest.approx(60 - ledger.spent["x"], abs=1e-3)
    assert "x" not in again.done


def test_a_phase_runs_in_two_processes(tmp_path):
    document = toy_document(tmp_path, write_corpus(tmp_path))
    phase = Phase(tmp_path, "codec", "codec", {"acoustic": 1.0, "semantic": 1.0})
    phase.write(document)
    launch.launch(phase, 0.0, processes=2)  # no time left
    assert json.loads(phase.plan.read_text())["steps"] == {"acoustic": 2, "semantic": 2}
    assert SecoustiCodec.from_pretrained(phase.output / "codec").sample_rate == 22050


def test_a_job_that_cannot_begin_leaves_its_folder_free(tmp_path):
    ledger = Ledger(tmp_path, 1.0, {"recordings": "mistyped"})
    with pytest.raises(SecoustiError, match="no such"), ledger.part("recordings"):
        raise SecoustiError("no such folder")
    right = Ledger(tmp_path, 1.0, {"recordings": "typed"})
    with right.part("recordings"):
        pass
    with pytest.raises(SecoustiError), right.part("packing"):
        raise SecoustiError("no space is left")
    with pytest.raises(SecoustiError, match="another job"):
        Ledger(tmp_path, 1.0, {"recordings": "mistyped"})
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(SecoustiError, match=r"job.json is damaged: remove it"):
        Ledger(tmp_path, 1.0, {"recordings": "typed"})
    for minutes in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SecoustiError, match="give a number above 0"):
            Ledger(tmp_path / "other", minutes, {})


def test_what_the_system_refuses_is_one_sentence(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(SystemExit), one_sentence():
        Ledger(taken, 1.0, {})
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    assert data_prep(["manifest", str(tmp_path), "-o", str(taken / "x.jsonl")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"error: {taken}") for line in said)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"share": -1}, "share must be 0.001 to"),
        ({"stages": {"acoustic": "half"}}, "stages.acoustic: expected a number, found 'half'"),
        ({"stages": 3}, "stages: expected a mapping, found 3"),
        ({"stages": {"acoustic": 0}}, "shares of stages must be above 0"),
        ({"file": "nowhere.yaml"}, "a is to train nowhere.yaml, which configs/ lacks"),
    ],
)
def test_a_recipe_is_checked_before_anything_is_prepared(tmp_path, change, says):
    phase = {"kind": "codec", "file": "mini_21hz.yaml", "share": 1.0, **change}
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"phases": {"a": phase}, "codec": "a", "vocoder": "a"}))
    with pytest.raises(SecoustiError, match=says):
        read_recipe(path)
