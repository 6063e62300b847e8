"""English text to spoken words: abbreviations, acronyms, addresses, symbols and numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from secousti.text.english.numbers import cardinal, ordinal, roman
from secousti.text.english.quantities import MONTHS, spell_numbers

_TITLES = {
    "Mr": "mister", "Mrs": "missus", "Ms": "miz", "Prof": "professor", "Gen": "general",
    "Lt": "lieutenant", "Col": "colonel", "Capt": "captain", "Sgt": "sergeant",
    "Rev": "reverend", "Hon": "honorable", "Gov": "governor", "Sen": "senator",
    "Rep": "representative", "Pres": "president", "Mt": "mount", "Ft": "fort",
    "Messrs": "messers", "Maj": "major", "Cmdr": "commander", "Adm": "admiral",
}  # fmt: skip
_ABBREVIATIONS = {
    "Jr": "junior", "Sr": "senior", "vs": "versus", "etc": "etcetera", "approx": "approximately",
    "dept": "department", "Dept": "department", "est": "established", "Inc": "incorporated",
    "Ltd": "limited", "Co": "company", "Corp": "corporation", "Ave": "avenue",
    "Blvd": "boulevard", "Rd": "road", "Hwy": "highway", "Apt": "apartment", "Bros": "brothers",
    "vol": "volume", "Vol": "volume", "fig": "figure", "Fig": "figure", "ch": "chapter",
    "max": "maximum", "misc": "miscellaneous", "govt": "government",
    "tel": "telephone", "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday",
    "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday",
    "Sat": "Saturday", "Sun": "Sunday", "Jan": "January", "Feb": "February", "Mar": "March",
    "Apr": "April", "Jun": "June", "Jul": "July", "Aug": "August", "Sept": "September",
    "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December", "al": "al",
}  # fmt: skip
_PHRASES = {
    r"\be\.g\.,?": "for example", r"\bi\.e\.,?": "that is", r"\bPh\.?\s?D\.?(?=\W|$)": "`PHD`",
    r"\bPhDs\b": "`PHD`'s", r"\bw/o\b": "without", r"\bw/(?=\s)": "with", r"\bc/o\b": "care of",
    r"\b24/7\b": "twenty four seven", r"\b9/11\b": "nine eleven",
    r"\b[Aa]\.[Mm]\.(?=\s+[A-Z]|$)": "`AM`.", r"\b[Pp]\.[Mm]\.(?=\s+[A-Z]|$)": "`PM`.",
    r"\b[Aa]\.[Mm]\.": "`AM`", r"\b[Pp]\.[Mm]\.": "`PM`",
    r"\bpp\.\s?(?=\d)": "pages ", r"\bp\.\s?(?=\d)": "page ", r"\bNo\.\s?(?=\d)": "number ",
    r"\bC\+\+": "`C` plus plus", r"\bC#": "`C` sharp", r"\bR&D\b": "`R` and `D`",
    r"\bQ&A\b": "`Q` and `A`", r"\bA/C\b": "`AC`",
}  # fmt: skip
_SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent ", "+": " plus ", "=": " equals ", "×": " times ",
    "÷": " divided by ", "°": " degrees ", "©": " copyright ", "™": " trademark ", "#": " hash ",
    "€": " euros ", "£": " pounds ", "$": " dollars ", "±": " plus or minus ", "≈": " about ",
    "<": " less than ", ">": " greater than ", "~": " about ", "/": " slash ", "_": " ",
    "*": " ", "|": " ", "\\": " backslash ", "^": " ", "[": "(", "]": ")", "{": "(", "}": ")",
    "•": ", ", "·": " ", "¥": " yen ", "→": " to ", "§": " section ", "√": " square root of ",
}  # fmt: skip
_REGNAL = (
    "Henry|Edward|George|Charles|James|William|Richard|Louis|Elizabeth|Mary|Pope|John|Paul|Pius|"
    "Benedict|Napoleon|Philip|Alexander|Nicholas|Frederick|Francis|Gregory|Ferdinand|Leo"
)
_COUNTED = "Chapter|Part|Act|Scene|Volume|Book|War|Phase|Type|Class|Section|Article|Bowl|Rocky|Mark"
_SPELLED = {"US", "IT", "UN", "AI", "ID", "AM", "PM", "OS", "IP", "IQ", "ER", "OR", "HR", "PR"}
_QUOTES = str.maketrans({
    "‘": "'", "’": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"',
    "«": '"', "»": '"', "–": " - ", "—": " - ", "―": " - ", "−": "-", "\u00a0": " ",
    "\u200b": "", "\ufeff": "", "\u00ad": "", "，": ",", "。": ".", "？": "?", "！": "!",
    "；": ";", "：": ":", "（": "(", "）": ")",
})  # fmt: skip


def normalize_english(text: str, known: Container[str]) -> str:
    """Spoken form of English text.

    Words come out in lower case, names of letters as single capitals ("G P U"), punctuation as
    it was; characters without an English reading stay, so that the caller can report them.

    Arguments:
        known: words with a pronunciation. All-capital words among them are read as words
            ("NASA"), others letter by letter ("GPU").
    """
    text = _unify(text).replace("`", "'")
    shouting = len(re.findall(r"[A-Z]+", text)) >= 2 and not re.search(r"[a-z]", text)
    if shouting:  # a corpus transcript in capitals has no acronyms to find
        text = text.lower()
    text = _addresses(text)
    text = _abbreviations(text)
    text = _romans(text)
    text = spell_numbers(re.sub(r"#\s?(?=\d)", " number ", _alphanumerics(text)))
    text = "".join(_SYMBOLS.get(char, char) for char in text)
    text = re.sub(r"`[A-Z]+`(?:'s)?|[A-Za-z][A-Za-z']*", lambda m: _word(m[0], known), text)
    text = re.sub(r"(?<=\w)-+(?=\w)", " ", text)
    return re.sub(r"\s+([,.?!;:])", r"\1", re.sub(r"\s+", " ", text)).strip()


def _unify(text: str) -> str:
    text = re.sub(r"(?<=\d)[–—−](?=\d)", "-", text).replace("...", "…").translate(_QUOTES)
    decomposed = unicodedata.normalize("NFD", text)
    kept = [c for c in decomposed if not "\u0300" <= c <= "\u036f"]
    letters = {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ı": "i"}
    return "".join(letters.get(char, char) for char in unicodedata.normalize("NFC", "".join(kept)))


def _addresses(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        address = re.sub(r"^(https?://)?", "", match[0]).rstrip("/")
        address = address.replace("@", " at ").replace(".", " dot ").replace("/", " slash ")
        address = re.sub(r"^www dot ", "`WWW` dot ", address.replace("-", " dash "))
        return re.sub(r"(?<=dot )(uk|us|cn|io|ai|de|tv)\b", lambda m: f"`{m[1].upper()}`", address)

    domain = r"[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|cn|uk|us|de|dev|info|tv)\b"
    return re.sub(rf"(?:https?://)?(?:[\w.+-]+@)?{domain}(?:/[\w/-]*)?", spoken, text)


def _abbreviations(text: str) -> str:
    for pattern, spoken in _PHRASES.items():
        text = re.sub(pattern, spoken, text)
    text = re.sub(r"\bDr\.?(?=\s+[A-Z][a-z])(?<!\w )", "doctor", text)
    text = re.sub(r"(?<=[a-z] )Dr\b\.?(?!\s+[A-Z][a-z])", "drive", text)
    text = re.sub(r"\bDr\.?(?=\s+[A-Z])", "doctor", text)
    text = re.sub(r"(?<=[A-Za-z0-9] )St\.?(?=\s*(?:$|[,;]|and\b|in\b|at\b))", "street", text)
    text = re.sub(r"\bSt\.?(?=\s+[A-Z])", "saint", text)
    titles = "|".join(_TITLES)
    text = re.sub(rf"\b({titles})(?:\.(?=\s)|(?=\s+[A-Z]))", lambda m: _TITLES[m[1]], text)
    text = re.sub(r"\b(?:[A-Za-z]\.){2,}", _dotted, text)
    names = "|".join(sorted(_ABBREVIATIONS, key=len, reverse=True))
    return re.sub(rf"\b({names})\.(\s*)(?=(\S?))", _expand, text)


def _dotted(match: re.Match[str]) -> str:
    """U.S. -> U S; a capital after it or the end of the text makes the last dot a full stop."""
    letters = match[0].replace(".", "").upper()
    return f"`{letters}`" + ("." if not match.string[match.end() :].strip() else "")


def _expand(match: re.Match[str]) -> str:
    ends = not match[3] or (match[3].isupper() and match[1] in ("etc", "Jr", "Inc", "Ltd", "Co"))
    month_or_day = _ABBREVIATIONS[match[1]] in MONTHS or _ABBREVIATIONS[match[1]].endswith("day")
    stop = "." if ends and not (month_or_day and match[3]) else ""
    return _ABBREVIATIONS[match[1]] + stop + match[2]


def _romans(text: str) -> str:
    def regnal(match: re.Match[str]) -> str:
        value = roman(match[2])
        return f"{match[1]} the {ordinal(value)}" if value else match[0]

    def counted(match: re.Match[str]) -> str:
        value = roman(match[2])
        return f"{match[1]} {cardinal(value)}" if value else match[0]

    text = re.sub(rf"\b({_REGNAL}) ([IVX]+)\b(?!')", regnal, text)
    return re.sub(rf"\b({_COUNTED}) ([IVXLC]+)\b", counted, text)


def _alphanumerics(text: str) -> str:
    """Split letters from digits where they make a name: MP3, H2O, F-16, COVID-19, GPT-4."""
    text = re.sub(r"\b([A-Z][A-Za-z]*)-(\d+)(?=\b(?!st|nd|rd|th))", r"\1 \2", text)
    text = re.sub(r"\b([A-Z]{1,5}|i[A-Z][a-z]+|[A-Z][a-z]+)(\d+)(?=[A-Z]*\b)", r"\1 \2 ", text)
    return re.sub(r"\b(\d)([DGK])\b", r"\1 \2", text)


def _word(word: str, known: Container[str]) -> str:
    """One written word as spoken words; what stands between backquotes is spelled out."""
    if word.startswith("`"):
        return " ".join(word.replace("`", "").partition("'")[0]) + ("'s" if "'" in word else "")
    if len(word) == 1:
        return word.lower() if word in "aAiI" else word.upper()
    if capitals := re.fullmatch(r"([A-Z]{2,})('?s)?'?", word):
        return _capitals(capitals[1], capitals[2] or "", known)
    if word.lower() in known or not re.search(r"[a-z][A-Z]", word):
        return word.lower()
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+", word)
    return " ".join(_word(part, known) for part in parts)


def _capitals(stem: str, ending: str, known: Container[str]) -> str:
    if stem not in _SPELLED and stem.lower() in known:
        return stem.lower() + ("'s" if ending else "")
    return " ".join(stem) + ("'s" if ending else "")
