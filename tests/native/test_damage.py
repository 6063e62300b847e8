"""The C reader and damaged files: it gives what Python's gives and stops where that stops."""

from __future__ import annotations

import ctypes
import json
from contextlib import nullcontext

import numpy as np
import pytest

from secousti.container import UnsupportedError
from secousti.container.json_text import parse_object
from tests.fuzzing.checksums import believed
from tests.native import files
from tests.native.test_container import INDEX, python, same, vector

GOOD = [name for name in INDEX if "header" in INDEX[name] and name != "stream-long"]
# Sentences that end otherwise: which versions are read, how to get a coder, what a parser says.
APART = ("range code is invalid", "version", "not at hand", "header is not valid", "header's num")


def agree(library: ctypes.CDLL, data: bytes, coder: files.Held, trusted: bool = False) -> None:
    """The same events and the same verdict from both readers."""
    found = files.read(library, data, coder)
    with believed() if trusted else nullcontext():
        events, says, error = python(data)
    if data[:5] == b"\x89SCT\x01":  # which only Python reads
        assert isinstance(found.error, UnsupportedError)
        return
    told = str(found.error or "")
    assert type(found.error) is (error or type(None)), (data.hex(), says, told)
    assert told == says or any(word in told and word in says for word in APART)
    same(found.events, events)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_cut_short(native: ctypes.CDLL, coder: files.Held, name: str) -> None:
    data = vector(name)
    for size in range(0, len(data), 1 + len(data) // 60):
        agree(native, data[:size], coder)


@pytest.mark.parametrize("name", GOOD)
def test_a_bit_changed(native: ctypes.CDLL, coder: files.Held, name: str) -> None:
    data, rng = vector(name), np.random.default_rng(len(name))
    for at in rng.permutation(8 * len(data))[:60]:
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        agree(native, bytes(changed), coder)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, left out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, min(len(changed), int(rng.choice([60, 10**6]))) + 1))
        kind = rng.integers(0, 4)
        if kind == 0:
            changed[at : at + 1] = rng.choice([b"\0", b"\x7f", b"\x80", b"\xff", rng.bytes(1)])
        elif kind == 1:
            del changed[at : at + int(rng.integers(1, 9))]
        elif kind == 2:
            changed[at:at] = rng.bytes(int(rng.integers(1, 12)))
        else:
            changed[at:at] = changed[at : at + int(rng.integers(1, 40))]
    return bytes(changed)


@pytest.mark.parametrize("name", GOOD)
def test_what_lies_behind_checksums(trusting: ctypes.CDLL, coder: files.Held, name: str) -> None:
    rng = np.random.default_rng(len(name))
    for _ in range(60):
        agree(trusting, mutated(vector(name), rng), coder, trusted=True)


TEXTS = [
    *("{}", ' {"a": [1, -2.5e3, true, false, null, "x\\n\\u00e4\\ud83d\\ude00"]}\n', "[1]", "3"),
    *('{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":1e5,}', '{"a" 1}', "{'a':1}", "{"),
    *('{"a":NaN}', '{"a":Infinity}', '{"a":1e999}', '{"a":-1e309}', '{"a":0e999}', '{"a":2e308}'),
    *('{"a":1.7976931348623157e308}', '{"a":1.7976931348623159e308}', '{"a":0.1797e309}'),
    *('{"a":' + "9" * n + "}" for n in (300, 310, 4300, 4301)),
    *('{"a":' + "9" * n + ".0}" for n in (308, 309, 4301)),
    *('{"a":1' + "0" * 308 + "e" + sign + "1}" for sign in ("-", "+")),
    *('{"a":"\\ud800"}', '{"a":"\\udc00"}', '{"a":"\\ud800\\ud800"}', '{"\\udfff":1}'),
    *('{"a":"\t"}', '{"a":"\\x"}', '{"a":"\\u12g4"}', '{"a":"\x7f\x80"}', '{"a":1} x', "\ufeff{}"),
    *("{" + '"a":[' * n + "]" * n + "}" for n in (31, 32)),
    '{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}',
]
BYTES = [text.encode() for text in TEXTS] + [b'{"a":"\xff"}', b'{"\xc0\x80":1}', b'{"a":"\0"}']
BYTES += [b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"\\\0":1}', b""]


def test_json_is_taken_as_python_takes_it(native: ctypes.CDLL) -> None:
    rng, pieces = np.random.default_rng(0), [*'{}[]",:0179.eE+-', '"a"', "\\u", "d8", "true", " "]
    made = ["".join(rng.choice(pieces, rng.integers(1, 12))) for _ in range(3000)]
    changed = [
        text[:i] + c + text[i + 1 :]
        for text in TEXTS[1:2]
        for i in range(len(text))
        for c in '"}]x0\\'
    ]
    wrong = ctypes.c_char_p()
    for data in [
        *BYTES,
        *(('{"a":' + text + "}").encode() for text in made),
        *map(str.encode, changed),
    ]:
        try:
            parse_object(data)
            wanted = True
        except ValueError:
            wanted = False
        found = native.sct_json_object(data, ctypes.c_size_t(len(data)), ctypes.byref(wrong))
        assert bool(found) is wanted, (data, wrong.value)
    assert json.loads(BYTES[1])["a"][1] == -2500
