"""``secousti live`` as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.files.models import Codec, load
from secousti.files.sessions import ALL_STAGES, speaks_live
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.live.devices import PIPE, SPEAKER, open_sink, open_source
from secousti.live.run import Summary, live_latency, run
from secousti.onecore.linear import Precision
from secousti.p2psyn.codec import P2PSynCodec
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
    mode: str = ALL_STAGES,
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
        precision: of the weights, see ``StreamingCodec``; on a GPU the codec works as loaded, and
            so does a P2PSynCodec.
        loss, burst, seed: of the channel, see ``LossyChannel``.
        mode: how a P2PSynCodec decodes, as in its ``decode``.

    Ctrl-C ends a session as the end of its input does.

    Raises:
        SecoustiError: no such source, a file that exists, or a codec that cannot work live.
    """
    if output not in (PIPE, SPEAKER) and Path(output).exists() and not force:
        raise SecoustiError(f"{output} exists; use --force to overwrite it")
    torch.set_num_threads(threads)
    loaded = load(model, device)
    if not speaks_live(loaded, mode):
        plain = isinstance(loaded, P2PSynCodec) and loaded.streams("plain")
        raise SecoustiError(
            f"the model {model!r} decodes from what follows, so it does not work live: use "
            + ("--mode plain, or secousti roundtrip" if plain else "secousti roundtrip")
        )
    speaker = _speaker(loaded, voice)
    codec = _packed(loaded, precision)
    block = codec.frame_size / codec.sample_rate
    chunks, rate = open_source(source, block, codec.sample_rate, pace)
    last = Summary(live_latency(codec))

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
        mode=mode,
        watch=seen,
    )
    with open_sink(output, sample_rate or codec.sample_rate) as play:
        try:
            for frame in frames:
                play(frame.audio)
        except KeyboardInterrupt:
            pass
    return last


def _speaker(codec: Codec, voice: str | None) -> Tensor | None:
    """float32 [1, 64] of the recording ``voice``."""
    if voice is None:
        return None
    if not isinstance(codec, SecoustiCodec):
        raise SecoustiError(f"--voice needs a SecoustiCodec; {codec.model_id!r} sends no voice")
    return codec.encode(voice).paralinguistic


def _packed(codec: Codec, precision: Precision) -> Codec:
    """The codec rebuilt for one core, if there is a way."""
    if isinstance(codec, SecoustiCodec) and codec.device.type == "cpu":
        return codec.for_streaming(precision)
    if precision != "float32":
        raise SecoustiError(
            f"--precision {precision} is for a SecoustiCodec on the CPU; {codec.model_id!r} is a "
            f"{type(codec).__name__} on {codec.device.type}"
        )
    return codec
