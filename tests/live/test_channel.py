"""Channels lose as many tokens as they say, alone or in runs."""

from __future__ import annotations

import itertools

import pytest
import torch

from secousti import SecoustiError
from secousti.sessions.channel import Channel
from secousti.sessions.concealment import LOST

COUNT = 40_000


@pytest.mark.parametrize(("burst", "run"), [(None, 1 / 0.9), (3.0, 3.0), (8.0, 8.0)])
def test_share_and_length_of_losses(burst, run) -> None:
    received = Channel(0.1, burst, 1).open().send(torch.arange(COUNT))
    gone = (received == LOST).tolist()
    assert sum(gone) / COUNT == pytest.approx(0.1, abs=0.01)
    runs = [len(list(group)) for lost, group in itertools.groupby(gone) if lost]
    assert sum(runs) / len(runs) == pytest.approx(run, rel=0.08)
    kept = received != LOST
    assert torch.equal(received[kept], torch.arange(COUNT)[kept])


def test_the_portions_do_not_matter() -> None:
    codes = torch.arange(100)
    whole = Channel(0.3, seed=4).open().send(codes)
    channel = Channel(0.3, seed=4).open()
    assert torch.equal(torch.cat([channel.send(c) for c in codes.split(7)]), whole)


@pytest.mark.parametrize(("loss", "burst"), [(1.5, None), (0.9, 2.0), (0.1, 0.5)])
def test_impossible_channels(loss, burst) -> None:
    with pytest.raises(SecoustiError, match=r"channel loses|bursts of"):
        Channel(loss, burst)
