"""The model card: what a model is, in numbers read off the model and its measured results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.hub.resolve import bundled_folder, class_name

RESULTS_NAME = "results.json"


def model_card(codec: Any, results: str | Path | None = None) -> str:
    """README.md of a model on the Hub: YAML front matter, sizes, use, results, configuration.

    Args:
        codec: a SecoustiCodec or P2PSynCodec.
        results: a JSON file ``{"command": ..., "results": {test set: {metric: number}}}``, where
            a number may be ``[mean, low, high]``, and where known ``"probes": {"command": ...,
            "verdict": a sentence, "figures": {what: text}}``; by default the one beside a
            bundled model, if there is one.

    Raises:
        SecoustiError: a results file that is not of this form.
    """
    path = bundled_folder(codec.model_id) / RESULTS_NAME if results is None else Path(results)
    parts = [
        _front_matter(codec),
        f"# {codec.model_id}",
        _summary(codec),
        "## Use",
        _usage(codec),
        "## Measured",
        *(_measured(path) if path.is_file() else ["No results are recorded for this model."]),
        "## Configuration",
        f"```yaml\n{yaml.safe_dump(to_dict(codec.config), sort_keys=False).rstrip()}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(codec: Any) -> str:
    data = {
        "library_name": "secousti",
        "pipeline_tag": "audio-to-audio",
        "tags": ["speech", "codec", "tokens", codec.kind],
    }
    return f"---\n{yaml.safe_dump(data, sort_keys=False)}---"


def _summary(codec: Any) -> str:
    parameters = sum(parameter.numel() for parameter in codec.parameters())
    rows = {
        "Sample rate": f"{codec.sample_rate} Hz",
        "Tokens per second": f"{codec.frame_rate:.2f} ({codec.frame_size} samples each)",
        "Codebooks": f"{codec.num_codebooks} of {codec.codebook_size} entries",
        "Bit rate of the tokens": f"{codec.bitrate:.0f} bit/s",
        "Parameters": f"{parameters / 1e6:.1f} M",
        "Weight hash": f"`{codec.weight_hash}`",
    }
    latency = codec.latency()
    if latency is not None:
        rows["Algorithmic latency"] = f"{1e3 * latency / codec.sample_rate:.1f} ms"
    return _table(("", ""), [list(row) for row in rows.items()])


def _usage(codec: Any) -> str:
    name = class_name(codec.kind)
    return (
        "```python\n"
        f"from secousti import {name}\n\n"
        f'codec = {name}.from_pretrained("{codec.model_id}")\n'
        'encoded = codec.encode("my.wav")  # codes int64 [1, 1, L]\n'
        "audio = codec.decode(encoded)  # float32 [1, 1, N]\n"
        "```"
    )


def _measured(path: Path) -> list[str]:
    """The table of results and, where there are probes, what the tokens tell."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        parts = [_made_by(_results(document["results"]), document)]
        if probes := document.get("probes"):
            rows = [[what, str(text)] for what, text in probes["figures"].items()]
            found = _made_by(_table(("probe", ""), rows), probes)
            parts += ["## What the tokens tell", str(probes["verdict"]), found]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SecoustiError(
            f'{path} is no results file: expected {{"results": {{set: {{metric: number}}}}}}'
        ) from error
    return parts


def _results(sets: dict[str, dict[str, Any]]) -> str:
    metrics = list(dict.fromkeys(metric for row in sets.values() for metric in row))
    rows = [[name, *(_number(row.get(m)) for m in metrics)] for name, row in sets.items()]
    return _table(("test set", *metrics), rows)


def _made_by(table: str, document: dict[str, Any]) -> str:
    command = document.get("command")
    return f"{table}\n\nMade by `{command}`." if command else table


def _number(value: Any) -> str:
    if isinstance(value, list):
        mean, low, high = value
        return f"{_number(mean)} [{_number(low)}, {_number(high)}]"
    return (
        f"{value:.4g}" if isinstance(value, (int, float)) else "-" if value is None else str(value)
    )


def _table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
