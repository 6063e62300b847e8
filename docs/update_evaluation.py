"""Put reports of ``secousti eval`` into docs/evaluation.md.

    python docs/update_evaluation.py unseen=DIR valid_more=DIR baselines=DIR

Each report's tables go between its two marks of the page, its pictures to docs/images/eval-NAME.png
(those of another suite than unseen carry its name).
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from secousti.evaluation.report.figures import CAPTIONS

DOCS = Path(__file__).parent
LEFT_OUT = ("Paired", "Versions", "Notes")


def main(name: str, report: Path) -> None:
    """Replace what is between the report's marks by its tables and pictures."""
    text = (report / "report.md").read_text(encoding="utf-8")
    parts = [part for part in text.split("\n\n## ") if not part.startswith(LEFT_OUT)]
    intro, *sections = parts
    body = [intro.split("\n\n", 1)[1]]
    body += [f"### {section.split('![')[0].strip()}" for section in sections]
    body += [figure(path.stem, copy(name, path)) for path in pictures(report)]
    marks = (f"<!-- report {name}: by docs/update_evaluation.py -->", f"<!-- end of {name} -->")
    page = DOCS / "evaluation.md"
    before, rest = page.read_text(encoding="utf-8").split(marks[0])
    after = rest.split(marks[1])[1]
    content = "\n\n".join(body)
    page.write_text(f"{before}{marks[0]}\n\n{content}\n\n{marks[1]}{after}", encoding="utf-8")


def figure(stem: str, name: str) -> str:
    """A picture with its caption, in Markdown."""
    title = stem.replace("_", " ")
    caption = CAPTIONS.get(stem, title)
    return (
        f'<figure markdown="span">\n![{title}](images/{name})\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )


def pictures(report: Path) -> list[Path]:
    """The report's figures, in a fixed order."""
    return sorted((report / "figures").glob("*.png"))


def copy(name: str, path: Path) -> str:
    """Copy a picture with 128 colours, a quarter of the bytes; returns its name."""
    suite = "" if name == "unseen" else f"{name.replace('_', '-')}-"
    target = f"eval-{suite}{path.stem.replace('_', '-')}.png"
    (DOCS / "images").mkdir(exist_ok=True)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128)
        small.save(DOCS / "images" / target, optimize=True)
    return target


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        suite, _, folder = argument.partition("=")
        main(suite, Path(folder))
