"""Web and mail addresses in English words."""

from __future__ import annotations

import re

_DOMAIN = (
    r"[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|cn|uk|us|de|dev|info|tv|co|app|me|eu|fr|jp)"
    r"(?![\w@])"
)
ADDRESS = re.compile(
    rf"https?://[\w.-]+(?::\d+)?(?:/[\w/.%~?=&#+-]*[\w/])?"
    rf"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|(?:www\.)?{_DOMAIN}(?::\d+)?(?:/[\w/.%~?=&#+-]*[\w/])?",
    re.ASCII,
)
_SIGNS = {
    "@": " at ", ".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", ":": " colon ",
    "?": " question mark ", "=": " equals ", "&": " and ", "#": " hash ", "+": " plus ",
    "%": " percent ", "~": " tilde ",
}  # fmt: skip
_COUNTRIES = re.compile(r"(?<=dot )(uk|us|cn|io|ai|de|tv|eu|fr|jp)\b")


def spell_addresses(text: str) -> str:
    """Addresses in ``text`` as words: bob@example.com -> bob at example dot com."""
    return ADDRESS.sub(_spoken, text)


def _spoken(match: re.Match[str]) -> str:
    address = re.sub(r"^https?://", "", match[0]).rstrip("/")
    address = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", address)
    words = "".join(_SIGNS.get(char, char) for char in address)
    words = re.sub(r"^www dot ", "`WWW` dot ", words)
    return re.sub(r" +", " ", _COUNTRIES.sub(lambda m: f"`{m[1].upper()}`", words))
