"""``secousti live`` as a function."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from secousti.base import ALL, Codec, Precision
from secousti.errors import SecoustiError
from secousti.files.jobs import check_output
from secousti.files.models import load
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.live.devices import PIPE, SPEAKER, open_sink, open_source
from secousti.live.run import Summary, run
from secousti.sessions.channel import Channel


def live(
    source: str,
    output: str,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    voice: str | None = None,
    precision: Precision = "float32",
    channel: Channel | None = None,
    mode: str = ALL,
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
        precision: of the weights, see ``Codec.for_streaming``; on a GPU the codec works as loaded.
        channel: what it loses on the way, and what is heard instead; nothing if not given.
        mode: one of ``Codec.modes``.

    Ctrl-C ends a session as the end of its input does.

    Raises:
        SecoustiError: no such source, a file that exists, or a codec that cannot work live.
    """
    if output not in (PIPE, SPEAKER):
        check_output(output, [source, *([] if voice is None else [voice])], force)
    torch.set_num_threads(threads)
    loaded = load(model, device)
    _check_live(loaded, model, mode)
    speaker = _speaker(loaded, voice)
    codec = _packed(loaded, precision)
    block = codec.frame_size / codec.sample_rate
    chunks, rate = open_source(source, block, codec.sample_rate, pace)
    last = Summary(0.0)

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
        channel=channel,
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


def _check_live(codec: Codec, name: str, mode: str) -> None:
    codec.check_sent(mode)
    if codec.streams(mode):
        return
    other = "".join(f"--mode {name}, or " for name in codec.streaming_modes[:1])
    raise SecoustiError(
        f"the model {name!r} decodes from what follows, so it does not work live: use "
        f"{other}secousti roundtrip"
    )


def _speaker(codec: Codec, voice: str | None) -> Tensor | None:
    """float32 [1, V] of the recording ``voice``."""
    if voice is None:
        return None
    if not codec.voice_size:
        raise SecoustiError(f"--voice needs a SecoustiCodec; {codec.model_id!r} sends no voice")
    return codec.voice(voice)


def _packed(codec: Codec, precision: Precision) -> Codec:
    """The codec rebuilt for one core, if there is a way."""
    if codec.device.type == "cpu":
        return codec.for_streaming(precision)
    if precision != "float32":
        raise SecoustiError(
            f"--precision {precision} is for the CPU; {codec.model_id!r} is on {codec.device.type}"
        )
    return codec
