"""Keyboard, phone, light and dark, and what the page says when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import Page

Open = Callable[..., Page]

FOCUSED = """
() => {
  const element = document.activeElement;
  const shown = element.matches("input[type=radio]") ? element.nextElementSibling : element;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  const label = element.labels?.[0]?.innerText;
  return {
    id: element.id || element.value || element.tagName,
    name: element.getAttribute("aria-label") || label || element.innerText,
    ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
  };
}
"""

SMALL = """
() => [...document.querySelectorAll("button, select, summary, input[type=range], .segments span")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 36)
  .map((e) => e.id || e.innerText)
"""

NO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "%s"));
"""


def test_keyboard_alone(new_page: Open) -> None:
    """Every control can be reached, shows that it has the focus, and has a name."""
    page = new_page()
    seen: dict[str, dict[str, Any]] = {}
    for _ in range(40):
        page.raw.keyboard.press("Tab")
        here = page.raw.evaluate(FOCUSED)
        if here["id"] in seen or here["id"] == "BODY":
            break
        seen[here["id"]] = here
    wanted = {"model", "theme", "speak", "example", "choose", "own", "loss", "pace", "headphones"}
    assert wanted <= set(seen)
    assert all(here["ring"] and here["name"].strip() for here in seen.values()), seen


def test_a_session_by_keyboard(new_page: Open) -> None:
    page = new_page()
    press = page.raw.keyboard.press
    page.raw.locator("#loss").focus()
    for _ in range(3):
        press("ArrowRight")
    assert page.text("loss-value") == "3 %"
    page.raw.locator("#pace").focus()
    press("ArrowDown")
    page.raw.locator("input[value=own]").focus()
    press("ArrowRight")
    assert page.raw.locator("#reference").is_visible()
    page.raw.locator("#example-voice").focus()
    press("Enter")
    page.raw.get_by_text("the example, 7.3 s").wait_for()
    page.raw.locator("#example").focus()
    press("Enter")
    page.finish()
    assert page.text("status").startswith("Done")
    page.raw.locator("#play-after").focus()
    press("Space")
    assert page.raw.locator("#play-after[aria-pressed=true]").count() == 1


def test_on_a_phone(new_page: Open) -> None:
    page = new_page(width=360, height=740, has_touch=True, is_mobile=True)
    page.raw.get_by_text("Voice, losses and files").tap()
    page.raw.get_by_text("Another voice", exact=True).tap()
    assert page.raw.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.raw.evaluate(SMALL) == []
    page.raw.get_by_text("Your voice", exact=True).tap()
    page.raw.locator("#speak").tap()
    page.wait_for_tokens(10)
    assert page.raw.evaluate("document.documentElement.scrollWidth") <= 360
    page.raw.locator("#speak").tap()
    page.finish()


def background(page: Page) -> str:
    return str(page.raw.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_light_and_dark(new_page: Open) -> None:
    light, dark = new_page(color_scheme="light"), new_page(color_scheme="dark")
    assert (colours := (background(light), background(dark)))[0] != colours[1]
    dark.raw.locator("#theme").click()
    assert dark.raw.locator("#theme").get_attribute("aria-label") == "Theme: light"
    assert background(dark) == colours[0]
    dark.raw.reload()
    assert background(dark) == colours[0]
    dark.raw.locator("#theme").click()
    assert background(dark) == colours[1]


@pytest.mark.parametrize(
    ("error", "said"),
    [("NotAllowedError", "blocked"), ("NotFoundError", "no microphone")],
)
def test_without_a_microphone(new_page: Open, error: str, said: str) -> None:
    page = new_page(script=NO_MICROPHONE % error)
    page.click("Speak")
    assert said in page.wait_for_problem()
    page.click("Understood")
    page.hurry()
    page.click("Try the example")  # goes on working
    page.finish()
    assert page.text("status").startswith("Done")


def test_a_file_that_is_no_sound(new_page: Open, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a sound " * 10)
    page = new_page()
    page.raw.set_input_files("#file", path)
    assert page.wait_for_problem() == "This browser cannot read “notes.txt” as sound."


def test_no_voice_to_borrow_yet(new_page: Open) -> None:
    page = new_page()
    page.raw.get_by_text("Another voice", exact=True).click()
    page.click("Try the example")
    assert "no other voice yet" in page.wait_for_problem()


def test_an_overloaded_server(new_page: Open) -> None:
    page = new_page()
    refusal = '{"type": "error", "code": "overloaded", "message": "8 sessions are running"}'
    page.raw.route_web_socket("**/v1/stream", lambda ws: ws.on_message(lambda _: ws.send(refusal)))
    page.click("Try the example")
    assert page.wait_for_problem().startswith("The server is busy with other people.")
    page.wait_until_ready()


def test_a_lost_connection(new_page: Open) -> None:
    """What came until then can still be heard."""
    page = new_page()
    sockets: list[Any] = []

    def between(ws: Any) -> None:
        ws.connect_to_server()
        sockets.append(ws)

    page.raw.route_web_socket("**/v1/stream", between)
    page.click("Speak")
    page.wait_for_tokens(10)
    sockets[0].close(code=1011)
    assert "connection to the server was lost" in page.wait_for_problem()
    page.wait_until_ready()
    assert page.raw.locator("#play-after").is_enabled()
    assert page.raw.locator("#save-sct").is_disabled()
