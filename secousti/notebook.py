"""What a notebook shows of encoded speech: a player, the tokens over time, and the bits."""

from __future__ import annotations

import base64
import io
import struct
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from secousti.encoded import Encoded

_ROWS = 4  # recordings of a batch that are shown
_LONGEST = 30.0  # seconds that a page carries: 44 kB a second at 22,050 Hz
_TOKENS = 700  # of a raster, for the same reason
_HEIGHT = 16  # pixels of a codebook's row in it


def html(encoded: Encoded) -> str:
    """Self-contained HTML, with sound if the codec that encoded it is still there and can speak."""
    parts = [f"<p><code>{escape(repr(encoded))}</code></p>"]
    for row in range(min(len(encoded), _ROWS)):
        one = encoded[row]
        parts += [player(one), raster(one.codes[0], one.codebook_size), bits(one)]
    if len(encoded) > _ROWS:
        parts.append(f"<p>and {len(encoded) - _ROWS} more recordings</p>")
    return f"<div>{''.join(parts)}</div>"


def player(one: Encoded) -> str:
    """An audio element with the decoded sound; a reason where there is none."""
    codec = one.codec
    if codec is None:
        return "<p>no sound: the codec that encoded it is no longer here</p>"
    if one.duration > _LONGEST:
        return f"<p>no sound: longer than {_LONGEST:g} s; codec.decode(encoded) makes it</p>"
    try:
        sound = codec.decode(one)[0, 0]
    except ValueError as error:  # it has no vocoder
        return f"<p>no sound: {escape(str(error))}</p>"
    data = base64.b64encode(_wav(sound.cpu(), one.sample_rate)).decode()
    return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'


def raster(codes: Tensor, codebook_size: int) -> str:
    """Codes [K, L] as an image, time to the right: equal tokens have equal colours."""
    shown = codes[:, :_TOKENS].tolist()
    width = max((len(row) for row in shown), default=0)
    marks = [
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="hsl({_hue(code)} 60% '
        f'{40 + 30 * code // max(codebook_size, 1)}%)"><title>{code}</title></rect>'
        for y, row in enumerate(shown)
        for x, code in enumerate(row)
    ]
    return (
        f'<svg viewBox="0 0 {max(width, 1)} {len(shown)}" preserveAspectRatio="none" role="img" '
        f'aria-label="{codes.shape[-1]} tokens" style="width:100%;height:{_HEIGHT * len(shown)}px">'
        f"{''.join(marks)}</svg>"
    )


def bits(one: Encoded) -> str:
    """What tokens and voice take."""
    found = one.bits
    rate = found.tokens / one.duration if one.duration else 0.0
    return (
        f"<p>{found.tokens:.0f} bits of tokens ({rate:.0f} bit/s) + {found.side_information} bits "
        f"of voice, for {one.duration:.2f} s</p>"
    )


def _hue(code: int) -> int:
    return code * 137 % 360  # the golden angle: neighbours in the codebook look different


def _wav(samples: Tensor, rate: int) -> bytes:
    """Samples [N] as a 16-bit mono WAV file."""
    pcm = (samples.clamp(-1, 1) * 32767).round().to(torch.int16).numpy().astype("<i2").tobytes()
    file = io.BytesIO()
    file.write(struct.pack("<4sI4s", b"RIFF", len(pcm) + 36, b"WAVE"))
    file.write(struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16))
    file.write(struct.pack("<4sI", b"data", len(pcm)) + pcm)
    return file.getvalue()
