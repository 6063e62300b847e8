"""Three steps of every training but the codec's, in the processes that run this: FOLDER.

Each is launched as users launch it, without telling anybody that there is no accelerator.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from secousti.config import from_dict, to_dict
from tests.p2psyn.toy import tiny_config
from train.engine.run import Run
from train.p2psyn import config as p2psyn
from train.p2psyn.teacher import TeacherTask
from train.vocoder import config as vocoder
from train.vocoder.task import VocoderTask
from train.voice import config as voice
from train.voice.task import VoiceTask


def tasks(folder: Path, output: Path, batch: int) -> dict[str, Any]:
    """A toy of each, on the manifest in ``folder``."""
    manifest = [str(folder / "manifest.jsonl")]
    data = {"root": str(folder), "train": manifest, "valid": manifest}
    data |= {"cache": str(folder / "cache")}
    run = {"log_every": 1, "validate_every": 50, "save_every": 2, "device": "auto"}
    voiced = {
        "mel": {"n_mels": 20},
        "vocoder": {"kind": "causal_istft", "causal_istft": _SMALL},
        "training": {
            "data": data | {"frames": 16, "batch_size": batch, "valid_utterances": 1},
            "loss": _LOSS,
            "optim": {"steps": 3},
            "run": run | {"output": str(output / "vocoder")},
        },
    }
    listened = {
        "mel": {"mode": "causal"},
        "listener": {"channels": 8, "dilations": [1], "dim": 4},
        "training": {
            "data": data | {"crop_seconds": 0.4, "window_seconds": 0.1, "batch_size": batch},
            "optim": {"steps": 3},
            "run": run | {"output": str(output / "voice")},
        },
    }
    optim = {"steps": 3, "clip": 1.0}
    taught = {
        "codec": to_dict(tiny_config()),
        "data": data | {"workers": 0},
        "teacher": {"batch_size": batch, "segment": 2520, "discriminator_channels": 4}
        | {"codebook_init": 0, "adversarial_from": 1, "optim": optim},
        "run": run | {"output": str(output / "p2psyn"), "valid_items": 8},
    }
    return {
        "vocoder": VocoderTask(from_dict(vocoder.Config, voiced)),
        "voice": VoiceTask(from_dict(voice.Config, listened)),
        "p2psyn/teacher": TeacherTask(from_dict(p2psyn.Config, taught)),
    }


_SMALL = {"channels": 8, "layers": 1, "pitch_channels": 8, "n_fft": 512, "lookahead": 1}
_LOSS = {
    "adversarial_from": 0.3,
    "adversarial_frames": 8,
    "n_ffts": [256, 128],
    "discriminators": {"periods": [2], "n_ffts": [128], "channels": 2, "layers": 2},
}


def main(folder: Path, output: Path, batch: int) -> None:
    """Train them one after the other."""
    for name, task in tasks(folder, output, batch).items():
        Run(task).run()
        if task.accelerator.is_main_process:
            print(json.dumps({"task": name, "processes": task.accelerator.num_processes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
