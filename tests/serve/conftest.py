"""One server with a toy model for all tests that need no limits of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from secousti import SecoustiCodec
from tests.toy import toy_codec

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from secousti.serve import Limits, ServeOptions, create_app
from secousti.serve.server import Background, Tls


@dataclass(frozen=True)
class Served:
    """A running server and the codec it has."""

    url: str
    hub: Any
    codec: SecoustiCodec

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        starts = (f"secousti_{name}{{", f"secousti_{name} ")
        lines = self.hub.metrics.text().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(starts))


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_codec().save_pretrained(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="session")
def serving(toy_folder: Path) -> Callable[..., AbstractContextManager[Served]]:
    """A server with the toy model and limits of the test's own."""

    @contextmanager
    def start(
        limits: Limits | None = None, tls: Tls | None = None, **options: Any
    ) -> Iterator[Served]:
        chosen = {"max_load": 100.0, **options}
        app = create_app(
            ServeOptions(models=(str(toy_folder),), limits=limits or Limits(), **chosen)
        )
        torch.set_num_threads(1)
        hub = app.state.hub
        with Background(app, tls=tls) as server:
            yield Served(server.url, hub, next(iter(hub.models)).codec)

    return start


@pytest.fixture(scope="session")
def server(serving: Callable[..., AbstractContextManager[Served]]) -> Iterator[Served]:
    with serving() as served:
        yield served
