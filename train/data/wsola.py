"""Another length at the same pitch: waveform-similarity overlap-add (Verhelst, Roelands 1993)."""

from __future__ import annotations

import numpy as np

_WINDOW = 0.03  # s: two or three periods of a low voice
_SEARCH = 0.008  # s to either side: a period of 125 Hz


def stretched(audio: np.ndarray, length: int, sample_rate: int) -> np.ndarray:
    """float32 [length]: ``audio`` [N] faster or slower, its pitch and formants as they are.

    Every half window of the result is taken from where the input is most alike to what would have
    followed the piece before, within 8 ms of its place in time.
    """
    hop = max(round(_WINDOW * sample_rate) // 2, 1)
    search = round(_SEARCH * sample_rate)
    if length < 1 or len(audio) < 1:
        return np.zeros(max(length, 0), np.float32)
    window = np.hanning(2 * hop + 1)[:-1].astype(np.float32)  # halves add up to one
    pieces = -(-length // hop) + 1
    padded = np.pad(audio, (hop + search, 3 * hop + 2 * search)).astype(np.float32)
    out = np.zeros((pieces + 1) * hop, np.float32)
    wanted = padded[search : search + 2 * hop]
    for k in range(pieces):
        place = round(k * hop * len(audio) / length)  # of the search window's begin
        region = padded[place : place + 2 * hop + 2 * search]
        best = place + _most_alike(region, wanted)
        out[k * hop : (k + 2) * hop] += window * padded[best : best + 2 * hop]
        wanted = padded[best + hop : best + 3 * hop]
    return out[hop : hop + length]


def _most_alike(region: np.ndarray, wanted: np.ndarray) -> int:
    """The shift of ``wanted`` within ``region`` of the highest normalised correlation."""
    alike = np.correlate(region[::2], wanted[::2])  # half the samples find it as well
    energy = np.cumsum(np.square(region[::2], dtype=np.float64))
    energy = np.concatenate([[0.0], energy])
    size = len(wanted[::2])
    level = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1e-9))
    return 2 * int(np.argmax(alike / level))
