"""What making tokens in float64 costs a recording: CPU time of ``encode``, beside float32.

python -m benchmarks.encode_precision
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import markdown
from secousti import load_codec
from secousti.audio.io import load_audio
from secousti.base import Codec
from secousti.export.write import single_precision
from secousti.hub.resolve import bundled_models

SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
TURNS = 4


def seconds(codec: Codec, wav: Tensor, rate: int) -> float:
    """Of processor time, the best of some turns."""
    found = []
    for _ in range(TURNS):
        start = time.process_time()
        codec.encode(wav, rate)
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """A row a bundled model."""
    torch.set_num_threads(1)
    wav, rate = load_audio(SPEECH)
    wav = wav.repeat(3)
    rows = []
    for name in bundled_models():
        wide = load_codec(name)
        fast = single_precision(copy.deepcopy(wide).float())
        fast.prepare()
        slow, quick = seconds(wide, wav, rate), seconds(fast, wav, rate)
        speeds = [f"{len(wav) / rate / s:.0f}" for s in (slow, quick)]
        rows.append([name, *speeds, f"{slow / quick:.1f}"])
    print(markdown(["model", "float64, times real time", "float32", "ratio of CPU time"], rows))


if __name__ == "__main__":
    main()
