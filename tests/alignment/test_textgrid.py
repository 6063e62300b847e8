"""TextGrids in both of Praat's text formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.alignment.base import Utterance
from data_prep.alignment.textgrid import TextGridAligner, read_textgrid
from data_prep.manifest import Row
from secousti.errors import SecoustiError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 0.9
            text = "see"
        intervals [3]:
            xmin = 0.9
            xmax = 1.5
            text = ""
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 0.5
            text = "S"
        intervals [3]:
            xmin = 0.5
            xmax = 0.9
            text = "IY1"
        intervals [4]:
            xmin = 0.9
            xmax = 1.5
            text = "sp"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"TextTier"
"clicks"
0
1.5
1
0.7
"a ""loud"" one"
"IntervalTier"
"anna - words"
0
1.5
2
0
0.25
""
0.25
0.9
"see"
"IntervalTier"
"anna - phones"
0
1.5
2
0.25
0.5
"S"
0.5
9e-1
"IY1"
"""
PHONES = [(0.0, 0.25, "sil"), (0.25, 0.5, "S"), (0.5, 0.9, "IY1"), (0.9, 1.5, "sil")]


def _utterance(folder: Path) -> Utterance:
    return Utterance(Row("a.wav", "s", "en", 1.5, text="see"), folder)


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_both_formats_give_the_same_alignment(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.TextGrid").write_text(text, encoding=encoding)
    found = TextGridAligner().align(_utterance(tmp_path))
    assert found.phones == PHONES
    assert found.words == [(0.25, 0.9, "see")]


def test_windows_line_ends_and_a_label_with_digits_and_brackets(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(LONG.replace('"see"', '"b [2] = 7"').replace("\n", "\r\n").encode())
    assert read_textgrid(path)[0].intervals[1] == (0.25, 0.9, "b [2] = 7")


def test_a_folder_of_textgrids_is_searched_by_path_and_name(tmp_path: Path) -> None:
    grids = tmp_path / "grids"
    grids.mkdir()
    (grids / "a.TextGrid").write_text(SHORT)
    assert TextGridAligner(grids).align(_utterance(tmp_path)).phones == PHONES
    with pytest.raises(SecoustiError, match="no folder"):
        TextGridAligner(tmp_path / "nowhere")


@pytest.mark.parametrize("cut", [30, 200, 500, 900])
def test_a_cut_file_is_an_error(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.TextGrid").write_text(LONG[:cut])
    with pytest.raises(SecoustiError, match=r"a\.TextGrid"):
        TextGridAligner().align(_utterance(tmp_path))


def test_faults_are_named(tmp_path: Path) -> None:
    aligner, path = TextGridAligner(), tmp_path / "a.TextGrid"
    with pytest.raises(SecoustiError, match="no TextGrid"):
        aligner.align(_utterance(tmp_path))
    path.write_text(LONG.replace("IY1", "iː"))
    with pytest.raises(SecoustiError, match="'iː'"):
        aligner.align(_utterance(tmp_path))
    path.write_text(LONG.replace('"phones"', '"segments"'))
    with pytest.raises(SecoustiError, match="its tiers are: words, segments"):
        aligner.align(_utterance(tmp_path))
    path.write_bytes(b"ooBinaryFile\x08TextGrid\x00\x00")
    with pytest.raises(SecoustiError):
        aligner.align(_utterance(tmp_path))
