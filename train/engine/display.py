"""What a person sees while it trains: one bar with throughput, time left and the losses."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from train.engine.task import Stretch


class Display:
    """A live bar in a terminal, one line per report in a file; silent on other processes."""

    def __init__(self, stage: Stretch, step: int, visible: bool) -> None:
        self.console = Console(quiet=not visible, soft_wrap=True)
        self.stage = stage
        self.live = visible and sys.stdout.isatty()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]} {task.fields[losses]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.progress.add_task(
            stage.name,
            total=stage.steps,
            completed=step - stage.first_step + 1,
            speed="",
            losses="",
        )
        self.started = time.monotonic()
        self.first = step

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def advance(self) -> None:
        self.progress.advance(self.task)

    def report(self, step: int, values: dict[str, float]) -> None:
        """Losses and ``audio_per_second`` since the last report."""
        speed = f"{values.get('audio_per_second', 0):.1f} s/s"
        losses = " ".join(f"{k} {v:.4g}" for k, v in values.items() if not k.startswith("audio"))
        self.progress.update(self.task, speed=speed, losses=losses)
        if not self.live:
            left = self._minutes_left(step)
            self.say(
                f"{self.stage.name} {step}/{self.stage.last_step} {speed} {left} left | {losses}"
            )

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def _minutes_left(self, step: int) -> str:
        done = max(step - self.first, 1)
        seconds = (time.monotonic() - self.started) / done * (self.stage.last_step - step)
        return f"{seconds / 60:.0f} min"
