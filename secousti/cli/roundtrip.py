"""``secousti roundtrip``."""

from __future__ import annotations

from secousti.cli.interrupt import until_input_ends
from secousti.cli.options import (
    DEFAULT_MODEL,
    Device,
    Entropy,
    Force,
    Inputs,
    Latency,
    Mode,
    Model,
    Output,
    Processes,
    SampleRate,
)
from secousti.cli.report import progress, summarize


def roundtrip(
    inputs: Inputs,
    output: Output,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    force: Force = False,
    entropy: Entropy = None,
    sample_rate: SampleRate = None,
    latency: Latency = 0.5,
    mode: Mode = "all",
    processes: Processes = 1,
) -> None:
    """Recordings to what they sound like after the codec, and what they took as tokens.

      secousti roundtrip speech.wav -o heard.wav

      secousti roundtrip recordings -o heard --model ./my-model

    Hear yourself through a few hundred bits a second:

      arecord -f cd | secousti roundtrip - -o - | aplay
    """
    from secousti import files

    with until_input_ends(inputs):
        results = files.roundtrip(
            inputs,
            output,
            model=model,
            device=device,
            force=force,
            entropy=entropy,
            sample_rate=sample_rate,
            latency=latency,
            mode=mode,
            processes=processes,
            track=progress,
        )
    summarize(results, "heard")
