"""Speaking, files, voices and losses, from the page to the files that it gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from secousti import load_codec
from secousti.container import Reader, Tokens, Voice
from secousti.container.encoded import codec_coders
from tests.browser.conftest import EXAMPLE
from tests.browser.page import Page
from tests.cli.conftest import Ran, secousti  # noqa: F401

Open = Callable[..., Page]
Run = Callable[..., Ran]

STEP = 1 / 32767  # of 16-bit sound


def keep(page: Page, folder: Path) -> tuple[Path, Path]:
    """Both downloads."""
    return page.download("Tokens (.sct)", folder), page.download("Sound (.wav)", folder)


def read(path: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Tokens [L] and voices of a file."""
    with path.open("rb") as file:
        coders = codec_coders(load_codec("mini-21hz"))
        events = list(Reader(file, path.name, coders=coders))
    tokens = [event.codes[0] for event in events if isinstance(event, Tokens)]
    return np.concatenate(tokens), [event.codes for event in events if isinstance(event, Voice)]


def test_what_is_spoken_is_what_the_files_say(
    new_page: Open,
    secousti: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The README's first promise, with the bundled model and a microphone."""
    page = new_page()
    page.choose_model("mini-21hz")
    page.click("Speak")
    page.wait_for_tokens(40)
    assert page.colours("raster") > 1
    assert page.colours("spectrum-before") > 50 < page.colours("spectrum-after")
    page.click("Stop")
    page.finish()
    sct, wav = keep(page, tmp_path)
    tokens, voices = read(sct)
    assert len(tokens) == page.number("token-count")
    assert len(np.unique(tokens)) == page.number("distinct") > 20
    assert 1 < len(voices) <= 4
    again = tmp_path / "again.wav"
    heard, rate = soundfile.read(wav)
    bits = len(tokens) * np.log2(6561)  # the last token may be of less than a frame of sound
    assert page.number("bits") == pytest.approx(bits / (len(heard) / rate), abs=2)
    parts = [page.number(f"file-{part}") for part in ("tokens", "voice", "container")]
    whole = 8 * sct.stat().st_size / (len(heard) / rate)
    assert page.number("file-all") == pytest.approx(whole, abs=1)
    assert sum(parts) == pytest.approx(whole, abs=3)
    assert 0 < parts[0] < page.number("bits")  # coded
    assert secousti("decode", sct, "-o", again, "--sample-rate", rate).code == 0
    decoded, _ = soundfile.read(again)
    assert len(decoded) == len(heard)
    assert np.abs(heard).max() > 0.02
    np.testing.assert_allclose(decoded, heard, atol=2 * STEP)


def test_the_example_gives_the_tokens_of_the_file(
    new_page: Open, toy_model: Path, tmp_path: Path
) -> None:
    page = new_page()
    page.hurry()
    page.click("Try the example")
    page.finish()
    assert page.text("status").startswith("Done: 7.3 s")
    tokens, _ = read(page.download("Tokens (.sct)", tmp_path))
    assert np.array_equal(tokens, load_codec(toy_model).encode(EXAMPLE).codes[0, 0].numpy())


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_dropped_file(new_page: Open, tmp_path: Path, suffix: str) -> None:
    samples, rate = soundfile.read(EXAMPLE)
    path = tmp_path / f"dropped.{suffix}"
    soundfile.write(path, np.stack([samples, samples], 1)[: 2 * rate], rate)
    page = new_page()
    page.hurry()
    assert page.drop(path, "speech")
    page.wait_for_tokens(1)
    page.finish()
    assert 2.0 <= float(page.text("status").split()[1]) < 2.2  # mp3 pads


def test_another_voice(new_page: Open, tmp_path: Path) -> None:
    """The same tokens in a voice that was dropped, first live and then anew."""
    samples, rate = soundfile.read(EXAMPLE)
    friend = tmp_path / "friend.wav"
    soundfile.write(friend, samples[::-2][: 3 * rate], rate)
    page = new_page()
    page.hurry()
    page.drop(friend, "voice")
    page.raw.get_by_text("friend.wav, 3.0 s").wait_for()
    page.click("Try the example")
    page.finish()
    sct, wav = keep(page, tmp_path)
    borrowed, (voice,) = read(sct)
    first, _ = soundfile.read(wav)

    page.raw.get_by_text("Your voice", exact=True).click()
    page.click("Try the example")
    page.finish()
    sct, wav = keep(page, tmp_path)
    own, voices = read(sct)
    second, _ = soundfile.read(wav)
    assert np.array_equal(own, borrowed)
    assert not any(np.array_equal(voice, other) for other in voices)
    assert np.abs(first - second).max() > 10 * STEP

    page.raw.get_by_text("Another voice", exact=True).click()
    page.click("These tokens, another voice")
    page.finish()
    sct, wav = keep(page, tmp_path)
    tokens, (again,) = read(sct)
    third, _ = soundfile.read(wav)
    assert np.array_equal(tokens, own)
    assert np.array_equal(again, voice)
    np.testing.assert_allclose(third[: len(first)], first, atol=2 * STEP)


def test_a_recorded_voice(new_page: Open) -> None:
    page = new_page()
    page.raw.get_by_text("Another voice", exact=True).click()
    page.click("Record")
    page.raw.get_by_text("Recording: 2 of 10 seconds").wait_for()
    page.click("Stop")
    page.raw.get_by_text("the voice you recorded,").wait_for()


def test_lost_tokens(new_page: Open, tmp_path: Path) -> None:
    """They are counted and concealed; the file holds what was sent."""
    page = new_page()
    page.hurry()
    page.raw.locator("#loss").fill("30")
    assert page.text("loss-value") == "30 %"
    page.click("Try the example")
    page.finish()
    assert 20 < page.number("lost") < 80  # of 157
    tokens, _ = read(page.download("Tokens (.sct)", tmp_path))
    assert len(tokens) == page.number("token-count") == 157


def test_losses_begin_while_it_runs(new_page: Open) -> None:
    page = new_page()
    page.click("Speak")
    page.wait_for_tokens(5)
    assert page.number("lost") == 0
    page.raw.locator("#loss").fill("60")
    page.wait_until(lambda: page.number("lost") > 0)
    page.click("Stop")
    page.finish()


def test_latency_is_measured_in_parts_that_add_up(new_page: Open) -> None:
    page = new_page()
    page.click("Speak")
    page.wait_until(lambda: page.number("latency") > 0)
    page.click("Stop")
    page.finish()
    names = ("algorithmic", "capture", "network", "server", "jitter", "device")
    parts = [float(page.text(f"latency-{name}").split()[0].replace(",", "")) for name in names]
    assert parts[0] == pytest.approx(58.0, abs=0.1)
    assert sum(parts) == pytest.approx(page.number("latency"), abs=1)
    assert all(part >= 0 for part in parts)
