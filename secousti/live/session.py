"""``secousti live`` as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.files.models import load
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.live.devices import PIPE, SPEAKER, open_sink, open_source
from secousti.live.run import Summary, run
from secousti.realtime.linear import Precision
from secousti.streaming.concealment import DEFAULT, Strategy


def live(
    source: str,
    output: str,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    voice: str | None = None,
    precision: Precision = "float32",
    loss: float = 0.0,
    burst: float | None = None,
    seed: int = 0,
    concealment: Strategy = DEFAULT,
    pace: bool = False,
    sample_rate: int | None = None,
    threads: int = 1,
    force: bool = False,
    watch: Callable[[Summary], None] | None = None,
) -> Summary:
    """Send ``source`` through a codec to ``output`` as it is spoken, one token at a time.

    Args:
        source: a recording, ``-`` or ``mic``. output: a file, ``-`` or ``speaker``.
        voice: a recording of who shall speak; the speaker's own voice if not given.
        precision: of the weights, see ``StreamingCodec``; on a GPU the codec works as loaded.
        loss, burst, seed: of the channel, see ``LossyChannel``.

    Ctrl-C ends a session as the end of its input does.

    Raises:
        SecoustiError: no such source, a file that exists, or a codec that cannot work live.
    """
    if output not in (PIPE, SPEAKER) and Path(output).exists() and not force:
        raise SecoustiError(f"{output} exists; use --force to overwrite it")
    torch.set_num_threads(threads)
    codec = load(model, device)
    if not isinstance(codec, SecoustiCodec):
        raise SecoustiError(f"the model {model!r} is not a SecoustiCodec, which live needs")
    speaker = None if voice is None else codec.encode(voice).paralinguistic
    if codec.device.type == "cpu":
        codec = codec.for_streaming(precision)
    elif precision != "float32":
        raise SecoustiError(f"--precision {precision} is for the CPU, not {codec.device.type}")
    block = codec.frame_size / codec.sample_rate
    chunks, rate = open_source(source, block, codec.sample_rate, pace)
    last = Summary(codec.latency / codec.sample_rate)

    def seen(summary: Summary) -> None:
        nonlocal last
        last = summary
        if watch is not None:
            watch(summary)

    frames = run(
        codec,
        chunks,
        rate,
        output_rate=sample_rate,
        voice=speaker,
        loss=loss,
        burst=burst,
        seed=seed,
        concealment=concealment,
        watch=seen,
    )
    with open_sink(output, sample_rate or codec.sample_rate) as play:
        try:
            for frame in frames:
                play(frame.audio)
        except KeyboardInterrupt:
            pass
    return last
