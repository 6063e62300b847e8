"""Parts of the page that stand alone, in the browser that runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from secousti.container.bits import group_shape, pack
from tests.browser.page import Page

Open = Callable[..., Page]

JITTER = """
async ([events, catchUp]) => {
  const { JitterBuffer } = await import("./audio/jitter.js");
  const buffer = new JitterBuffer(1000, { wait: 0.04, slack: 0.06, calm: 1, catchUp });
  const heard = [], starts = [];
  let position = 0, now = 0;
  for (const event of events) {
    if (event === "end") buffer.end();
    else if (event > 0) {
      buffer.push(new Float32Array(event).fill(1), position);
      position += event;
    } else {
      const out = new Float32Array(-event);
      buffer.pull(out, (at, index) => starts.push([at, now + index]));
      heard.push(...out);
      now += out.length;
    }
  }
  const { underruns, buffered: left, finished } = buffer;
  return { heard, starts, underruns, left, finished };
}
"""

UNPACK = """
async ([bytes, model]) => {
  const wire = await import("./wire.js");
  const packet = wire.parsePacket(Uint8Array.from(bytes).buffer, model);
  const written = wire.tokensPacket(packet.tokens, packet.position, model);
  return [packet.tokens, packet.lost, [...written]];
}
"""


def play(page: Page, events: list[Any], catch_up: bool = False) -> dict[str, Any]:
    """At 1000 samples a second: n > 0 arrive, -n are played."""
    return dict(page.raw.evaluate(JITTER, [events, catch_up]))


def test_jitter_buffer(new_page: Open) -> None:
    page = new_page()
    late = play(page, [50, *[-10] * 5, 50, *[-10] * 5, "end", *[-10] * 5])
    assert late["starts"] == [[0, 40], [50, 90]]  # 40 ms after the first, then without a gap
    assert late["underruns"] == 0
    assert late["finished"]
    assert not any(late["heard"][:40])
    assert all(v == 1 for v in late["heard"][44:140])

    dry = play(page, [50, *[-10] * 12, 50, *[-10] * 6])
    assert dry["underruns"] == 1
    assert dry["starts"] == [[0, 40], [50, 160]]  # waits again after it ran dry

    burst = [50, 200, *[-10, 10] * 110]
    assert play(page, burst)["left"] == 290
    assert play(page, burst, catch_up=True)["left"] == 50  # what was never needed is skipped


@pytest.mark.parametrize("codebook", [6561, 1024])
def test_packets(new_page: Open, codebook: int) -> None:
    """Tokens in a packet are those of a .sct record; the page reads and writes them alike."""
    tokens = np.random.default_rng(0).integers(0, codebook, 13)
    tokens[:5] = codebook - 1
    group_tokens, group_bytes = group_shape(codebook)
    model = {
        "codebook_size": codebook,
        "group_tokens": group_tokens,
        "group_bytes": group_bytes,
    }
    head, body = bytes([2, 0, 13, 0, 77, 1, 0, 0]), pack(tokens, codebook)
    page = new_page()
    read, lost, written = page.raw.evaluate(UNPACK, [list(head + body), model])
    assert read == tokens.tolist()
    assert not any(lost)
    assert bytes(written) == head + body
    flagged = bytes([2, 1]) + head[2:] + body + bytes([0b101, 0b10000])
    _, lost, _ = page.raw.evaluate(UNPACK, [list(flagged), model])
    assert [i for i, gone in enumerate(lost) if gone] == [0, 2, 12]
