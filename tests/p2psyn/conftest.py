"""Audio for the tests of P2PSynCodec, and a corpus to train it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml

from secousti.config import to_dict
from tests.p2psyn.toy import tiny_causal_config, tiny_config

Make = Callable[..., Any]  # (name, causal, **changes) -> train.p2psyn.config.Config


@pytest.fixture
def make_config(tmp_path: Path) -> Make:
    """A configuration whose corpus is six short recordings, written as a file and read again."""
    from train.p2psyn.config import load

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for i in range(6):
        t = np.arange(8000 + 900 * i) / 16000
        wave = 0.2 * np.sin(2 * np.pi * (120 + 40 * i) * t) + 0.02 * rng.standard_normal(len(t))
        soundfile.write(corpus / f"{i}.wav", wave, 16000)
        row = {"audio": f"{i}.wav", "speaker": str(i % 2), "corpus": "toy", "language": "en"}
        rows.append(json.dumps(row))
    (corpus / "rows.jsonl").write_text("\n".join(rows))

    def make(name: str = "run", causal: bool = False, **changes: object) -> Any:
        optim = {
            "steps": 4, "clip": 1.0, "lr": 2e-4, "betas": [0.8, 0.99], "warmup_steps": 0,
            "schedule": "exponential",  # no rate depends on how many steps follow
        }  # fmt: skip
        data = {
            "codec": to_dict(tiny_causal_config() if causal else tiny_config()),
            "data": {
                "root": str(corpus),
                "train": [str(corpus / "rows.jsonl")],
                "cache": str(tmp_path / "cache"),
                "workers": 0,
            },
            "teacher": {
                "batch_size": 2, "segment": 2520, "discriminator_channels": 4,
                "codebook_init": 0, "revive_every": 2, "adversarial_from": 1, "optim": optim,
            },
            "pseudo": {"batch_size": 3, "tokens": 20, "optim": optim},
            "receiver": {"batch_size": 2, "tokens": 8, "adversarial_from": 1, "optim": optim},
            "run": {
                "output": str(tmp_path / name), "device": "cpu", "log_every": 1,
                "validate_every": 2, "save_every": 2, "valid_items": 8,
            },
        }  # fmt: skip
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data))
        return load(path, tuple(f"{key}={value}" for key, value in changes.items()))

    return make


@pytest.fixture(scope="session")
def speech() -> torch.Tensor:
    """Two seconds of amplitude-modulated noise and tones, float32 [32000]."""
    generator = torch.Generator().manual_seed(3)
    t = torch.arange(32000) / 16000
    tone = torch.sin(2 * torch.pi * 170 * t) + 0.5 * torch.sin(2 * torch.pi * 510 * t)
    noise = torch.randn(32000, generator=generator)
    return 0.1 * torch.sin(2 * torch.pi * 3 * t).square() * (tone + 0.5 * noise)
