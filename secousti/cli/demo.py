"""``secousti demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from secousti.cli.options import Device, ServedModels


def demo(
    model: ServedModels = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 finds a free one.")
    ] = 0,
    device: Device = "cpu",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """A page on which you speak and hear yourself through a few hundred bits a second.

    Everything is computed here; only this machine can reach the page:

      secousti demo

    On a machine without a browser, such as one behind ssh -L 8000:localhost:8000:

      secousti demo --no-open --port 8000
    """
    from secousti.serve.demo import demo as run_demo

    run_demo(
        models=model or (), port=port, device=device, open_browser=open_browser, announce=typer.echo
    )
