"""One HTML page that needs no other file: tables, pictures, and every codec to listen to."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from secousti.atomic import write_text
from secousti.evaluation.audio import Audio, read_audio
from secousti.evaluation.report.draw import new_figure, show_spectrogram
from secousti.evaluation.report.figures import CAPTIONS
from secousti.evaluation.report.style import STYLE
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.report.table import Table, tables, test_table
from secousti.evaluation.report.text import data_line, notes
from secousti.evaluation.worker import Record


def write_page(
    summary: Summary,
    path: Path,
    figures: list[Path],
    examples: int,
    more: Sequence[Table] = (),
) -> None:
    """Write the page; ``examples`` utterances, spread over the speakers, can be listened to.

    ``more`` tables, of how the codecs came about, follow those of the summary.
    """
    body = [
        f"<h1>{escape(summary.title)}</h1>",
        f"<p>{escape(summary.about)}</p>" if summary.about else "",
        f"<p class='data'>{escape(data_line(summary))}</p>",
        *(html_table(table) for table in (*tables(summary), *more)),
        *(_figure(figure) for figure in figures),
        _listening(summary, examples),
        _details("Paired tests", html_table(test_table(summary))) if summary.tests else "",
        _details("Notes", _list(notes(summary))),
        _details("Versions", _list(summary.versions)),
    ]
    html = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(summary.title)}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(part for part in body if part)
        + "</main></body></html>"
    )

    write_text(path, html)


def html_table(table: Table) -> str:
    """A table; a paper's rows are marked."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
    rows = []
    for cells, quoted in zip(table.rows, table.quoted, strict=True):
        marked = " class='quoted'" if quoted else ""
        rows.append(f"<tr{marked}>{''.join(_cell(cell) for cell in cells)}</tr>")
    return (
        f"<h2>{escape(table.title)}</h2><div class='wide'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    mean, bracket, rest = text.partition(" [")
    small = f"<small>[{escape(rest)}</small>" if bracket else ""
    return f"<td>{escape(mean)}{small}</td>"


def _figure(path: Path) -> str:
    title = path.stem.replace("_", " ")
    source = _embed(path.read_bytes(), "image/png")
    caption = f"<figcaption>{escape(CAPTIONS.get(path.stem, title))}</figcaption>"
    return f"<figure><img alt='{escape(title)}' src='{source}'>{caption}</figure>"


def _embed(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _details(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def pick_examples(summary: Summary, count: int) -> list[str]:
    """Utterances every codec coded, of as many speakers as possible, in a fixed order."""
    whole: dict[str, int] = {}
    speaker: dict[str, str] = {}
    for record in summary.records:
        whole[record.utterance] = whole.get(record.utterance, 0) + (not record.error)
        speaker[record.utterance] = record.speaker
    names = [name for name, done in whole.items() if done == len(summary.rows)]
    firsts = list({speaker[name]: name for name in reversed(names)}.values())[::-1]
    ordered = firsts + [name for name in names if name not in firsts]
    step = max(1, len(ordered) // max(1, count))
    return ordered[::step][:count]


def _listening(summary: Summary, examples: int) -> str:
    names = pick_examples(summary, examples)
    if not names:
        return ""
    records = {(r.utterance, r.codec): r for r in summary.records}
    parts = ["<h2>Listen</h2>"]
    for name in names:
        cards = [
            _card(row.label, records[name, row.info.name], summary)
            for row in summary.rows
            if (name, row.info.name) in records
        ]
        parts.append(f"<h3>{escape(name)}</h3><div class='cards'>{''.join(cards)}</div>")
    return "".join(parts)


def _card(label: str, record: Record, summary: Summary) -> str:
    audio = read_audio(Path(record.audio))
    scores = " · ".join(
        f"{c.label} {record.scores[c.name][0]:.2f}"
        for c in summary.columns[:3]
        if c.name in record.scores
    )
    return (
        f"<div class='card'><b>{escape(label)}</b>"
        f"<img alt='spectrogram' src='{_embed(spectrogram_png(audio), 'image/png')}'>"
        f"<audio controls preload='none' src='{_embed(flac(audio), 'audio/flac')}'></audio>"
        f"<small>{escape(scores)}</small></div>"
    )


def flac(audio: Audio) -> bytes:
    """16-bit FLAC, which browsers play and which loses nothing more."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, audio.samples.clip(-1, 1), audio.rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def spectrogram_png(audio: Audio) -> bytes:
    """A small spectrogram without axes, 0 to 8 kHz."""
    figure = new_figure(2.6, 1.1)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    show_spectrogram(axes, audio)
    axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100, format="png")
    return buffer.getvalue()
