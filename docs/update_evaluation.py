"""Put a report of ``secousti eval`` into docs/evaluation.md: python docs/update_evaluation.py DIR

The tables go between the two marks of the page, the pictures to docs/images/eval-NAME.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
MARKS = ("<!-- report: written by docs/update_evaluation.py -->", "<!-- end of report -->")


def main(report: Path) -> None:
    """Replace what is between the marks by the tables and pictures in ``report``."""
    text = (report / "report.md").read_text(encoding="utf-8")
    parts = [part for part in text.split("\n\n## ") if not part.startswith(("Paired", "Versions"))]
    intro, *sections = parts
    body = [intro.split("\n\n", 1)[1]]
    body += [f"### {section.split('![')[0].strip()}" for section in sections]
    body += [f"![{path.stem}](images/{copy(path)})" for path in pictures(report)]
    page = DOCS / "evaluation.md"
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    content = "\n\n".join(body)
    page.write_text(f"{before}{MARKS[0]}\n\n{content}\n\n{MARKS[1]}{after}", encoding="utf-8")


def pictures(report: Path) -> list[Path]:
    """The report's figures, in a fixed order."""
    return sorted((report / "figures").glob("*.png"))


def copy(path: Path) -> str:
    """Copy a picture with 128 colours, a quarter of the bytes; returns its name."""
    name = f"eval-{path.stem.replace('_', '-')}.png"
    (DOCS / "images").mkdir(exist_ok=True)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128)
        small.save(DOCS / "images" / name, optimize=True)
    return name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
