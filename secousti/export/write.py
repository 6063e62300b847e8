"""``export``: a folder of streaming graphs that other programs run without this package."""

from __future__ import annotations

import copy
import json
import logging
import math
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from secousti.atomic import replacing
from secousti.audio.mel import LOG_FLOOR
from secousti.base import ALL, Codec
from secousti.errors import SecoustiError, require
from secousti.export.check import Agreement, compare
from secousti.export.graphs import StepGraph, step_graphs
from secousti.export.int8 import keeps_precision, quantize, shrunk
from secousti.export.runtime import open_steps

Format = Literal["onnx", "torch"]
METADATA = "export.json"
SUFFIX = {"onnx": ".onnx", "torch": ".pt2"}


@dataclass(frozen=True)
class Exported:
    """The folder, its files, and how far they agree with PyTorch."""

    folder: Path
    files: list[Path]
    agreement: Agreement


def export(
    codec: Codec,
    folder: str | Path,
    *,
    format: Format = "onnx",
    int8: bool = False,
    integer_products: bool = True,
    dynamic_batch: bool = False,
    vocoder: bool = True,
    mode: str = ALL,
    tokens: int = 1,
    force: bool = False,
) -> Exported:
    """Write a codec's graphs and ``export.json`` into ``folder``, and check them.

    They are an encoder and a decoder, a vocoder where the decoder gives log-mel, and what tells
    the voice where the codec keeps one.

    Args:
        int8: store the matrices of the transformers and of the vocoder's backbone in 8 bits.
        integer_products: with ``int8``, everything else is float32, whatever the codec's
            precisions, and ONNX graphs multiply in integers, for which activations are rounded;
            else only the file is smaller.
        dynamic_batch: any number of streams at once, instead of one.
        vocoder: also the vocoder; without it the decoder's log-mel is what comes out.
        mode: one of the codec's that streams.
        tokens: that a call takes. Several are faster, and the state is that of graphs for one;
            the voice is only written with these.
        force: write over an earlier export.

    The graphs are run step by step beside PyTorch before they get their place. In float32 all
    ids must be equal and audio within 1e-3; int8 is only measured.

    Raises:
        SecoustiError: not a streaming codec (in this mode), the graphs disagree, a package is
            missing, or the folder holds an export.
    """
    folder = Path(folder)
    check_free(folder, force)
    codec = copy.deepcopy(codec).float().cpu().eval()
    if int8 and integer_products:  # which know no float64 in onnxruntime
        codec = single_precision(codec, "encode_precision", "decode_precision")
    codec.prepare()
    integers = format == "onnx" and integer_products
    graphs = step_graphs(codec, real=format == "onnx", vocoder=vocoder, mode=mode, tokens=tokens)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
        parts = Path(temporary)
        write: Callable[..., None] = _write_onnx if format == "onnx" else _write_torch
        with _quiet():
            for graph in graphs:
                small = int8 and not keeps_precision(graph)
                about = graph_metadata(graph, codec, small)
                stored = shrunk(graph) if small and not integers else graph
                path = parts / f"{graph.name}{SUFFIX[format]}"
                write(stored, path, about, small and integers, dynamic_batch)
            agreement = compare(codec, graphs, open_steps(parts, graphs, format))
        if not int8:
            agreement.insist()
        files = [_move(path, folder) for path in sorted(parts.iterdir())]
    document = {**codec_metadata(codec, mode), "int8": int8, "dynamic_batch": dynamic_batch}
    document["tokens"] = tokens
    document["graphs"] = {g.name: graph_metadata(g, codec, int8)["graph"] for g in graphs}
    with replacing(folder / METADATA) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return Exported(folder, [*files, folder / METADATA], agreement)


def single_precision(codec: Codec, *names: str) -> Codec:
    """A copy with float32 for what these fields of its configuration, where it has them, say."""
    single = copy.deepcopy(codec)
    known = set(names) & {field.name for field in fields(single.config)}
    single.config = replace(single.config, **dict.fromkeys(known, "float32"))
    return single


def check_free(folder: Path, force: bool) -> None:
    """Raises SecoustiError: the folder holds an export that ``force`` does not give up."""
    if folder.exists() and not folder.is_dir():
        raise SecoustiError(f"{folder} is a file; name a folder for the graphs")
    if (folder / METADATA).exists() and not force:
        raise SecoustiError(f"{folder} holds an export; use --force to overwrite it")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters say about their own insides."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def codec_metadata(codec: Codec, mode: str) -> dict[str, Any]:
    """What a program needs to know to run the graphs."""
    frontend = codec.frontend(codec.sample_rate)
    about: dict[str, Any] = {
        "model_id": codec.model_id,
        "weight_hash": codec.weight_hash,
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "hop_length": codec.hop_length,
        "frame_rate": codec.frame_rate,
        "codebook_size": codec.codebook_size,
        "mode": mode,
        "latency": codec.latency(mode),
        "delay": codec.delay,
        "overlap": frontend.overlap,
        "lookahead": codec.lookahead,
        "voice_size": codec.voice_size,
        "voice_frames": frontend.window,
    }
    if codec.speaks_mel:
        vocoder = codec.mel_vocoder
        about["vocoder_delay"] = 0 if vocoder is None else vocoder.delay
        about["mel_mode"] = "centered" if codec.lookahead else "causal"
        about["mel_silence"] = math.log(LOG_FLOOR)  # what the vocoder is given after the end
    return about


def graph_metadata(graph: StepGraph, codec: Codec, int8: bool) -> dict[str, Any]:
    """Metadata of one graph: the codec's, and its inputs, output and state."""
    return {
        **codec_metadata(codec, graph.mode),
        "int8": int8,
        "graph": {
            "inputs": list(graph.input_names),
            "output": graph.output_name,
            "state": graph.state_names(),
        },
    }


def _program(graph: StepGraph, dynamic_batch: bool) -> tuple[Any, tuple[Tensor, ...]]:
    dynamic = dynamic_batch and graph.batched
    batch = 2 if dynamic else 1
    inputs = (*graph.example(batch), *graph.state_tensors(batch))
    dimension = {0: torch.export.Dim("batch", min=1, max=4096)} if dynamic else {}
    shapes = {"tensors": tuple(dimension for _ in inputs)}
    with torch.no_grad():
        program = torch.export.export(graph, inputs, dynamic_shapes=shapes, strict=False)
    return program, inputs


def _write_torch(
    graph: StepGraph, path: Path, about: dict[str, Any], integers: bool, dynamic_batch: bool
) -> None:
    assert not integers
    program, _ = _program(graph, dynamic_batch)
    torch.export.save(program, path, extra_files={"secousti.json": json.dumps(about)})


def _write_onnx(
    graph: StepGraph, path: Path, about: dict[str, Any], integers: bool, dynamic_batch: bool
) -> None:
    require("onnxscript", "export")
    onnx = require("onnx", "export")
    program, _ = _program(graph, dynamic_batch)
    names = graph.state_names()
    exported = torch.onnx.export(
        program,
        input_names=[*graph.input_names, *(f"state.{name}" for name in names)],
        output_names=[graph.output_name, *(f"next.{name}" for name in names)],
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert exported is not None
    model = exported.model_proto
    for key, value in about.items():
        model.metadata_props.add(key=f"secousti.{key}", value=json.dumps(value))
    onnx.save(model, path)
    if integers:
        quantize(path)


def _move(path: Path, folder: Path) -> Path:
    return Path(shutil.move(path, folder / path.name))
