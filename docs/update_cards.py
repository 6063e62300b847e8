"""Results and cards of the bundled models from reports of ``secousti eval``.

    python docs/update_cards.py "strangers=unseen" "many languages=valid_more" \\
        "validation=baselines" --probes probes

Each argument is the name of a test set and the report's folder. Writes results.json and README.md
into the folder of every bundled model that the reports name; weights are not touched.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from secousti import load_codec
from secousti.atomic import replacing
from secousti.hub.card import RESULTS_NAME, model_card
from secousti.hub.resolve import bundled_folder, bundled_models

ROOT = Path(__file__).parents[1]
SHOWN = ("pesq", "stoi", "estoi", "visqol", "dnsmos", "speaker_similarity", "wer_increase")
EVAL = "secousti eval"
WHERE = "SECOUSTI_SPEECH=FOLDER"


def main() -> None:
    """Write what the reports say of each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", help="NAME=FOLDER")
    parser.add_argument("--probes", type=Path, help="folder of the report of the suite probes")
    args = parser.parse_args()
    reports = [part.split("=", 1) for part in args.reports]
    for name in bundled_models():
        sets: dict[str, Any] = {}
        for title, folder in reports:
            sets |= rows(name, title, Path(folder))
        if sets:
            suites = ", ".join(f"secousti eval {Path(folder).name}" for _, folder in reports)
            document = {
                "command": f"export {WHERE}; {suites}",
                "results": sets,
            }
            if args.probes and (found := probes(name, args.probes)):
                document["probes"] = found
            write(name, document)


def rows(name: str, title: str, folder: Path) -> dict[str, Any]:
    """The model's rows in one report: test set -> metric -> [mean, low, high]."""
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    labels = {c["name"]: c["label"] for c in document["columns"]}
    data = f"{title}: {document['utterances']} recordings of {document['speakers']} speakers"
    found = {}
    for row in document["codecs"]:
        label = row["info"]["name"]
        if label == name or label.startswith(f"{name}-"):
            mode = label.removeprefix(name).lstrip("-")
            estimates = [(labels[m], row["estimates"].get(m)) for m in SHOWN if m in labels]
            found[data + (f", {mode}" if mode else "")] = {
                metric: [float(f"{e[k]:.3g}") for k in ("mean", "low", "high")]
                for metric, e in estimates
                if e and e["count"]
            }
    return found


def probes(name: str, folder: Path) -> dict[str, Any] | None:
    """What the probes say of the model, in words; None where they did not ask it."""
    documents = json.loads((folder / "probes.json").read_text(encoding="utf-8"))
    found = next((d for d in documents if d["model"] == name), None)
    if found is None:
        return None
    figures = {}
    for kind, parts in found["probes"].items():
        for part, probe in parts.items():
            told, chance = 100 * probe["accuracy"], 100 * probe["chance"]
            classes = f" of {probe['classes']}"
            figures[f"{kind}{classes} told from {part}"] = f"{told:.0f} % (chance {chance:.0f} %)"
    if conversion := found["conversion"]:
        pitch = conversion["pitch"]
        figures["F0 of converted speech nearer to the target's"] = share(pitch["nearer"])
        figures["of the way from the source's F0 to the target's"] = share(pitch["way"])
        figures["octave errors in converted speech"] = share(pitch["octave_errors"])
        melody = "melody of converted speech, correlation with the source's"
        figures[melody] = interval(pitch["melody"])
        for sound, scores in conversion["scores"].items():
            if sound != "source" and (lost := scores.get("wer_increase")):
                figures[f"words wrong beyond the source, {sound}"] = share(lost, 1)
            if like := scores.get("speaker_similarity"):
                figures[f"similarity to the target, {sound}"] = interval(like)
    command = f"{WHERE} {EVAL} probes --data aligned/valid.jsonl"
    return {"command": command, "verdict": found["verdict"], "figures": figures}


def interval(estimate: dict[str, float]) -> str:
    """A mean with its interval."""
    return "{mean:.2f} [{low:.2f}, {high:.2f}]".format(**estimate)


def share(estimate: dict[str, float], unit: float = 100) -> str:
    """A mean with its interval in %."""
    mean, low, high = (unit * estimate[k] for k in ("mean", "low", "high"))
    return f"{mean:.0f} % [{low:.0f}, {high:.0f}]"


def write(name: str, document: dict[str, Any]) -> None:
    """results.json, then the card that shows it."""
    folder = bundled_folder(name)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    with replacing(folder / RESULTS_NAME) as path:
        path.write_text(text, encoding="utf-8")
    about = ROOT / "configs" / "cards" / f"{name}.md"
    card = model_card(load_codec(name)) + "\n" + about.read_text(encoding="utf-8")
    with replacing(folder / "README.md") as path:
        path.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
