"""What a codec is, in one byte if it is a known one."""

from __future__ import annotations

from typing import Any

from secousti.container.cursor import Cursor
from secousti.container.errors import UnsupportedError
from secousti.container.header import PAYLOADS, Header
from secousti.container.limits import MAX_LEVELS
from secousti.container.varint import encode_varint

# number -> sample rate, frame size, codebook size, codebooks, levels, numbers of a voice.
# Numbers are given once and for ever; 0 says that the facts follow.
PROFILES: dict[int, tuple[int, int, int, int, tuple[int, ...], int]] = {
    1: (22050, 1024, 6561, 1, (3,) * 8, 64),
    2: (22050, 256, 6561, 1, (3,) * 8, 64),
    3: (16000, 320, 1024, 1, (), 0),
}
# codes of the recording's rate; 0: unknown, 1: the codec's own, 15: a varint follows.
RATES = {2: 8000, 3: 11025, 4: 12000, 5: 16000, 6: 22050, 7: 24000, 8: 32000, 9: 44100, 10: 48000}
_OWN, _OTHER = 1, 15
_VOICE = 1 << 4
_FORM = 6  # the shift of the voice's form


def kind_byte(header: Header) -> int:
    """Payload and profile."""
    return PAYLOADS.index(header.payload) << 5 | _profile(header)


def flags_byte(header: Header, flag: bool = False) -> int:
    """Rate of the recording, whether there is a voice and its form, and one flag (bit 5)."""
    voice = _VOICE if header.paralinguistic else 0
    return _rate_code(header) | voice | flag << 5 | header.voice_form << _FORM


def facts(header: Header) -> bytes:
    """What follows the hashes: all that kind and flags do not say."""
    out = b""
    if not _profile(header):
        numbers = [header.sample_rate, header.frame_size, header.codebook_size]
        numbers += [header.num_codebooks, len(header.levels), *header.levels]
        out += b"".join(map(encode_varint, [*numbers, header.paralinguistic]))
    if _rate_code(header) == _OTHER:
        assert header.source_sample_rate is not None
        out += encode_varint(header.source_sample_rate)
    return out


def read_facts(cursor: Cursor, kind: int, flags: int, hashes: dict[str, str]) -> dict[str, Any]:
    """Fields of the header that ``kind``, ``flags`` and what follows them say."""
    fields = _known(kind & 0x1F) if kind & 0x1F else _follow(cursor)
    if not flags & _VOICE:
        fields["paralinguistic"] = 0
    return {
        **fields,
        **hashes,
        "payload": payload(kind),
        "voice_form": flags >> _FORM,
        "source_sample_rate": _source_rate(cursor, flags & 0xF, fields["sample_rate"]),
    }


def has_voice(flags: int) -> bool:
    """Whether the codec of the file has voices."""
    return bool(flags & _VOICE)


def _known(profile: int) -> dict[str, Any]:
    if profile not in PROFILES:
        raise UnsupportedError(f"its profile {profile} needs a newer secousti")
    names = ("sample_rate", "frame_size", "codebook_size", "num_codebooks", "levels")
    return dict(zip((*names, "paralinguistic"), PROFILES[profile], strict=True))


def _follow(cursor: Cursor) -> dict[str, Any]:
    names = ("sample_rate", "frame_size", "codebook_size", "num_codebooks")
    fields: dict[str, Any] = {name: cursor.varint(name) for name in names}
    count = cursor.varint("levels", MAX_LEVELS)
    fields["levels"] = tuple(cursor.varint("level") for _ in range(count))
    return fields | {"paralinguistic": cursor.varint("numbers in a voice")}


def payload(kind: int) -> str:
    """How runs may be stored."""
    number = kind >> 5 & 3
    if number >= len(PAYLOADS):
        raise UnsupportedError("its payload needs a newer secousti")
    return PAYLOADS[number]


def _profile(header: Header) -> int:
    has = (header.sample_rate, header.frame_size, header.codebook_size, header.num_codebooks)
    for number, profile in PROFILES.items():
        voices = header.paralinguistic in (0, profile[5])
        if profile[:4] == has and profile[4] == header.levels and voices:
            return number
    return 0


def _rate_code(header: Header) -> int:
    rate = header.source_sample_rate
    if rate is None:
        return 0
    if rate == header.sample_rate:
        return _OWN
    return next((code for code, known in RATES.items() if known == rate), _OTHER)


def _source_rate(cursor: Cursor, code: int, own: int) -> int | None:
    if code == 0:
        return None
    if code == _OWN:
        return own
    if code == _OTHER:
        return cursor.varint("Hz of the recording")
    if code not in RATES:
        raise UnsupportedError(f"its code {code} for a sample rate needs a newer secousti")
    return RATES[code]
