"""English text to spoken words: abbreviations, acronyms, addresses, symbols and numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from secousti.text.english.addresses import spell_addresses
from secousti.text.english.dates import MONTHS
from secousti.text.english.letters import mark_letters, spell_word
from secousti.text.english.names import spell_romans, split_names
from secousti.text.english.quantities import spell_numbers

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
    "Ch": "chapter", "Sec": "section", "Eq": "equation", "Ref": "reference",
    "max": "maximum", "misc": "miscellaneous", "govt": "government",
    "tel": "telephone", "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday",
    "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday",
    "Sat": "Saturday", "Sun": "Sunday", "Jan": "January", "Feb": "February", "Mar": "March",
    "Apr": "April", "Jun": "June", "Jul": "July", "Aug": "August", "Sept": "September",
    "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December", "al": "al",
}  # fmt: skip
_SUFFIXES = "js|py|txt|pdf|net|docx?|xlsx?|csv|json|html?|exe|zip|jpe?g|png|wav|md"
_PHRASES = {
    r"\be\.g\.,?": "for example", r"\bi\.e\.,?": "that is", r"\bPh\.?\s?D\.?(?=\W|$)": "`PHD`",
    r"\bPhDs\b": "`PHD`'s", r"\bw/o\b": "without", r"\bw/(?=\s)": "with", r"\bc/o\b": "care of",
    r"\b[Aa]nd/or\b": "and or", r"\b([Hh]e)/(?=she\b)": r"\1 or ", r"\b[Nn]/[Aa]\b": "`NA`",
    r"\b([Hh]is|[Hh]im)/(?=hers?\b)": r"\1 or ", r"(?<=\b[A-Z]{3})/(?=[A-Z]{2,}\b)": " ",
    r"(?<= )'n'?(?= )|(?<= )n'(?= )": "and", r"\b20[-/]20\b": "twenty twenty",
    rf"(?<=\w)\.(?=(?:{_SUFFIXES})\b)": " dot ",
    r"(?<![\w.])\.(?=[A-Z]{3}\b)": "dot ", r"(?<!\d )(?<!\d)\bkm/h\b": "kilometers per hour",
    r"\b24/7\b": "twenty four seven", r"\b9/11\b": "nine eleven",
    r"\b[Aa]\.[Mm]\.(?=\s+[A-Z]|$)": "`AM`.", r"\b[Pp]\.[Mm]\.(?=\s+[A-Z]|$)": "`PM`.",
    r"\b[Aa]\.[Mm]\.": "`AM`", r"\b[Pp]\.[Mm]\.": "`PM`",
    r"\b[Nn]os\.\s?(?=\d)": "numbers ", r"\bPS:|\bP\.\s?S\.(?=\s)": "`PS`",
    r"\bpp\.\s?(?=\d)": "pages ", r"\bp\.\s?(?=\d)": "page ", r"\bNo\.\s?(?=\d)": "number ",
    r"\bC\+\+": "`C` plus plus", r"\bC#": "`C` sharp", r"\bA/C\b": "`AC`",
}  # fmt: skip
_DAYS = "Mon|Tues|Tue|Wed|Thurs|Thu|Fri|Sat|Sun"
_SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent ", "+": " plus ", "=": " equals ", "×": " times ",
    "÷": " divided by ", "°": " degrees ", "©": " copyright ", "™": " trademark ", "#": " hash ",
    "€": " euros ", "£": " pounds ", "$": " dollars ", "±": " plus or minus ", "≈": " about ",
    "<": " less than ", ">": " greater than ", "~": " about ", "/": " slash ", "_": " ",
    "*": " ", "|": " ", "\\": " backslash ", "^": " ", "[": "(", "]": ")", "{": "(", "}": ")",
    "•": ", ", "·": " ", "¥": " yen ", "→": " to ", "§": " section ", "√": " square root of ",
    "≤": " less than or equal to ", "≥": " greater than or equal to ",
    "≦": " less than or equal to ", "≧": " greater than or equal to ", "≠": " not equal to ",
    "≡": " is equivalent to ", "∞": " infinity ", "²": " squared ", "³": " cubed ",
    "‰": " per mille ", "¬": " not ", "∈": " in ", "∉": " not in ", "∑": " sum of ",
    "∫": " integral of ", "∂": " partial ", "℃": " degrees celsius ", "℉": " degrees fahrenheit ",
    "¢": " cents ", "®": " registered ", "№": " number ", "α": " alpha ", "β": " beta ",
    "γ": " gamma ", "δ": " delta ", "Δ": " delta ", "ε": " epsilon ", "θ": " theta ",
    "λ": " lambda ", "μ": " mu ", "π": " pi ", "ρ": " rho ", "σ": " sigma ", "Σ": " sigma ",
    "τ": " tau ", "φ": " phi ", "χ": " chi ", "ψ": " psi ", "ω": " omega ", "Ω": " omega ",
    "←": " from ", "⇒": " implies ", "†": " ", "‡": " ",
}  # fmt: skip
_OPERATORS = [
    (r"(?<=/s)\^2", "²"), (r"\b(A|B|AB|O|[C-F])-(?![\w-])", r"\1 minus "),
    (r"!==?|<>|=/=", "≠"), (r"<=(?!=)|=<", "≤"), (r">=", "≥"), (r"={2,}", "="), (r"\+/-", "±"),
    (r"->|=>", "→"), (r"(?<=\w)\^\s?-(?=\w)", " to the power of minus "),
    (r"(?<=\w)\^\s?(?=\w)", " to the power of "), (r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    (r"(?<=\b[a-z])\s?\*\s?(?=[a-z\d(]\b)", " times "),
    (r"\s-\s(?=[a-zA-Z]\s*=)", " minus "), (r"(?<=\b[a-z])-(?=\d+\b\s*[=<>≤≥])", " minus "),
]  # fmt: skip
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

    Args:
        known: words with a pronunciation. All-capital words among them are read as words
            ("NASA"), others letter by letter ("GPU").
    """
    text = _unify(text).replace("`", "'")
    if _is_shouted(text, known):  # a corpus transcript in capitals has no acronyms to find
        text = text.lower()
    text = spell_addresses(text)
    for pattern, sign in _OPERATORS:
        text = re.sub(pattern, sign, text)
    text = mark_letters(_abbreviations(text))
    text = split_names(spell_romans(text))
    text = spell_numbers(re.sub(r"#\s?(?=\d)", " number ", text))
    text = "".join(_SYMBOLS.get(char, char) for char in text)
    text = re.sub(r"`[A-Z]+`(?:'s)?|[A-Za-z][A-Za-z']*", lambda m: spell_word(m[0], known), text)
    text = re.sub(r"(?<=\w)-+(?=\w)", " ", text)
    return re.sub(r"\s+([,.?!;:])", r"\1", re.sub(r"\s+", " ", text)).strip()


def _is_shouted(text: str, known: Container[str]) -> bool:
    """True for THE CAT SAT ON THE MAT, False for USB and A/B."""
    words = re.findall(r"[A-Z][A-Z']*", text)
    spoken = sum(word.lower() in known and len(word) > 1 for word in words)
    return not re.search(r"[a-z]", text) and spoken >= 2 and 2 * spoken >= len(words)


def _unify(text: str) -> str:
    text = re.sub(r"(?<=\d)[–—−](?=\d)", "-", text).replace("...", "…").translate(_QUOTES)
    # letters alone: the decomposed ≠ would lose its stroke and become its opposite
    text = "".join(unicodedata.normalize("NFD", c) if c.isalpha() else c for c in text)
    kept = [c for c in text if not "\u0300" <= c <= "\u036f"]
    letters = {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ı": "i"}
    return "".join(letters.get(char, char) for char in unicodedata.normalize("NFC", "".join(kept)))


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
    text = re.sub(rf"\b({_DAYS})\.?\s?[-–]\s?({_DAYS})\b\.?", _days, text)
    names = "|".join(sorted(_ABBREVIATIONS, key=len, reverse=True))
    return re.sub(rf"\b({names})\.(\s*)(?=(\S?))", _expand, text)


def _days(match: re.Match[str]) -> str:
    return f"{_ABBREVIATIONS[match[1]]} to {_ABBREVIATIONS[match[2]]}"


def _dotted(match: re.Match[str]) -> str:
    """U.S. -> U S; a capital after it or the end of the text makes the last dot a full stop."""
    letters = match[0].replace(".", "").upper()
    return f"`{letters}`" + ("." if not match.string[match.end() :].strip() else "")


def _expand(match: re.Match[str]) -> str:
    ends = not match[3] or (match[3].isupper() and match[1] in ("etc", "Jr", "Inc", "Ltd", "Co"))
    month_or_day = _ABBREVIATIONS[match[1]] in MONTHS or _ABBREVIATIONS[match[1]].endswith("day")
    stop = "." if ends and not (month_or_day and match[3]) else ""
    return _ABBREVIATIONS[match[1]] + stop + match[2]
