"""Recordings decoded, resampled and gathered into windows to be sorted by length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
from torch import Tensor

from secousti.audio.resample import SincResampler
from secousti.errors import SecoustiError
from secousti.extraction.items import Fault, Item
from secousti.extraction.storage import Unreachable
from secousti.paths import readable


@dataclass
class Window:
    """Consecutive recordings: items with their audio [N] at the codec's rate, and the bad ones."""

    items: list[Item] = field(default_factory=list)
    audio: list[Tensor] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass
class Loaded:
    """One recording; ``wav`` is at the codec's rate, ``duration`` seconds."""

    item: Item
    wav: Tensor
    duration: float


def windows(
    items: Iterator[Item], sample_rate: int, seconds: float, loaders: int, container: str
) -> Iterator[Window]:
    """Windows of at least ``seconds`` of audio each (the last one less), in input order.

    Args:
        loaders: threads that decode ahead; 0 decodes here.
        container: what to blame when the input itself breaks off.
    """
    window, total = Window(), 0.0
    for loaded in _load(_guarded(items, container), sample_rate, loaders):
        if isinstance(loaded, Fault):
            window.faults.append(loaded)
            continue
        window.items.append(loaded.item)
        window.audio.append(loaded.wav)
        window.durations.append(loaded.duration)
        total += loaded.duration
        if total >= seconds:
            yield window
            window, total = Window(), 0.0
    if window.items or window.faults:
        yield window


def _guarded(items: Iterator[Item], container: str) -> Iterator[Item | Fault]:
    """The items, and a fault where a container breaks off."""
    try:
        yield from items
    except Unreachable:
        raise
    except Exception as error:  # of a container, whatever is wrong with it
        yield Fault(container, f"the file breaks off here: {type(error).__name__}: {error}")


def _load(
    items: Iterator[Item | Fault], sample_rate: int, loaders: int
) -> Iterator[Loaded | Fault]:
    resamplers: dict[int, SincResampler] = {}

    def load(item: Item | Fault) -> Loaded | Fault:
        if isinstance(item, Fault):
            return item
        try:
            wav, rate = item.load()
            if rate not in resamplers:
                resamplers[rate] = SincResampler(rate, sample_rate)
            with torch.inference_mode():
                # Not rounded again: as ``AudioBatch``.
                return Loaded(item, resamplers[rate](wav.double()), len(wav) / rate)
        except Unreachable:
            raise
        except Exception as error:  # whatever loading raises, MemoryError too, is this item's
            reason = str(error)
            if not isinstance(error, SecoustiError):
                reason = f"{type(error).__name__}: {reason}"
            return Fault(item.id, readable(reason))

    yield from _map_ahead(load, items, loaders)


def _map_ahead(
    fn: Callable[[Item | Fault], Loaded | Fault], items: Iterator[Item | Fault], threads: int
) -> Iterator[Loaded | Fault]:
    """``map`` in order, with a bounded number of calls under way."""
    if threads == 0:
        yield from map(fn, items)
        return
    waiting: deque[Future[Loaded | Fault]] = deque()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for item in items:
            waiting.append(pool.submit(fn, item))
            if len(waiting) > 8 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
