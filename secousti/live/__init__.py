"""The whole path live: microphone, file or pipe in; tokens; speaker, file or pipe out."""

from secousti.live.run import Frame, Summary, run

__all__ = ["Frame", "Summary", "run"]
