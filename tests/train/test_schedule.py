"""The schedule against Algorithm 1 and section IV-A of the paper, line by line."""

from __future__ import annotations

import pytest

from secousti.errors import SecoustiError
from train.codec.schedule import ACOUSTIC, SEMANTIC, KLWarmup, Schedule, ScheduleConfig


@pytest.fixture
def paper() -> Schedule:
    return Schedule(ScheduleConfig())


@pytest.mark.parametrize("step", [1, 5_000, 10_000])
def test_lines_3_and_4_train_the_acoustic_modules_on_the_mel_loss_alone(paper, step):
    plan = paper.at(step)
    assert plan.stage.trains == {"encoder", "acoustic_projection", "decoder"}
    assert plan.weights == {"mel": 1.0}


def test_line_5_freezes_them_and_trains_the_rest(paper):
    plan = paper.at(10_001)
    assert plan.stage.trains == set(SEMANTIC)
    assert not plan.stage.trains & set(ACOUSTIC)


@pytest.mark.parametrize("step", [10_001, 15_000, 20_000])
def test_stage_two_starts_without_kl_terms(paper, step):
    weights = paper.at(step).weights
    assert weights["acoustic"] == 1.0
    assert weights["contrastive"] == 1e-5
    assert "mel" not in weights
    assert "token_mel" not in weights
    assert "kl_semantic" not in weights
    assert "kl_para" not in weights


@pytest.mark.parametrize(
    ("step", "weight"),
    [(20_001, 1e-9), (25_000, 5e-6), (30_000, 1e-5), (30_001, 1e-5), (100_000, 1e-5)],
)
def test_kl_terms_rise_linearly_after_their_start_and_stay_at_upper(paper, step, weight):
    weights = paper.at(step).weights
    assert weights["kl_semantic"] == pytest.approx(weight, rel=1e-9)
    assert weights["kl_para"] == pytest.approx(weight, rel=1e-9)


def test_the_two_kl_terms_have_schedules_of_their_own():
    config = ScheduleConfig(stage1_end=0, kl_semantic=KLWarmup(1, 3, 0.5), kl_para=KLWarmup(9, 9))
    plan = Schedule(config).at(5)
    assert plan.weights["kl_semantic"] == 0.5
    assert "kl_para" not in plan.weights


def test_stages_meet_without_gap_or_overlap(paper):
    first, second = paper.stages
    assert (first.first_step, first.last_step) == (1, 10_000)
    assert (second.first_step, second.last_step) == (10_001, paper.config.total_steps)


def test_without_stages_everything_trains_on_everything():
    plan = Schedule(ScheduleConfig(strategy="joint")).at(1)
    assert plan.stage.trains == set(ACOUSTIC) | set(SEMANTIC)
    assert {"mel", "acoustic", "contrastive"} <= set(plan.weights)


def test_decoder_fine_tuning_trains_the_decoder_on_decoded_tokens():
    plan = Schedule(ScheduleConfig(strategy="decoder")).at(1)
    assert plan.stage.trains == {"decoder"}
    assert plan.weights == {"token_mel": 1.0}


def test_single_stages_can_be_trained_alone():
    assert [s.name for s in Schedule(ScheduleConfig(stage1_end=0)).stages] == ["semantic"]
    only_first = ScheduleConfig(stage1_end=7, total_steps=7)
    assert [s.name for s in Schedule(only_first).stages] == ["acoustic"]


def test_impossible_plans_are_refused():
    with pytest.raises(SecoustiError, match="stage1_end"):
        ScheduleConfig(stage1_end=11, total_steps=10)
    with pytest.raises(SecoustiError, match="kl_para ends"):
        ScheduleConfig(kl_para=KLWarmup(2, 1))
    with pytest.raises(SecoustiError, match="step 0"):
        Schedule(ScheduleConfig()).at(0)
