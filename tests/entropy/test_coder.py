"""Learned codes: undone exactly, by any process on any machine; damage to the tables shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.entropy import LearnedCoder, load_coder
from secousti.entropy.range_code import Decoder, encode
from secousti.entropy.voice import SCHEDULE, SIZES
from secousti.errors import SecoustiError
from tests.entropy.toy import likely_tokens, toy_coder, toy_network
from train.entropy.fit import bits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coders")


@pytest.fixture(scope="module")
def coder(folder: Path) -> LearnedCoder:
    return toy_coder(folder / "toy")


@given(st.lists(st.integers(0, 6560), max_size=60), st.lists(st.integers(0, 12), max_size=8))
@settings(deadline=None)
def test_coding_is_undone_in_any_pieces(
    coder: LearnedCoder, tokens: list[int], sizes: list[int]
) -> None:
    """The state goes on from piece to piece, also over pieces that were stored otherwise."""
    there, back = coder.start(), coder.start()
    place = 0
    for number, size in enumerate([*sizes, 60]):
        piece = np.array(tokens[place : place + size], np.int64)
        data = there.compress(piece)
        if number % 3 == 2:
            back.pass_over(piece)
        else:
            np.testing.assert_array_equal(back.decompress(data, len(piece)), piece)
        place += size


@pytest.mark.parametrize("groups", [(3,) * 8, (1024,), (7, 3)])
def test_other_alphabets(tmp_path: Path, groups: tuple[int, ...]) -> None:
    coder = toy_coder(tmp_path / "coder", groups, voice=0)
    tokens = np.random.default_rng(0).integers(0, int(np.prod(groups)), 40)
    data = coder.start().compress(tokens)
    np.testing.assert_array_equal(coder.start().decompress(data, 40), tokens)


@given(st.binary(max_size=40), st.integers(0, 40))
@settings(deadline=None)
def test_any_bytes_are_tokens_or_an_error(coder: LearnedCoder, data: bytes, count: int) -> None:
    try:
        tokens = coder.start().decompress(data, count)
    except ValueError:
        return
    assert tokens.shape == (count,)
    assert ((tokens >= 0) & (tokens < 6561)).all()


def test_integers_cost_what_the_network_says(coder: LearnedCoder) -> None:
    """What was trained is what codes."""
    tokens = likely_tokens(coder, 400)
    stored = 8 * len(coder.start().compress(tokens)) / 400
    assert abs(stored - bits(toy_network(), [tokens])) < 0.05


@given(st.lists(st.integers(0, 4), max_size=50))
@settings(deadline=None)
def test_a_code_ends_within_a_byte_of_its_information(symbols: list[int]) -> None:
    shares = np.array([700000, 200000, 100000, 48000, 576]) / (1 << 20)
    table = np.tile(shares, (len(symbols), 1))
    data = encode(np.array(symbols, np.int64).reshape(-1, 1), [table])
    information = -np.log2(shares[symbols]).sum() if symbols else 0.0
    assert 8 * len(data) <= information + 9
    decoder = Decoder(data)
    assert [decoder.symbol(shares) for _ in symbols] == symbols


WORK = """
import sys, numpy as np
from secousti.entropy import load_coder
coder = load_coder(sys.argv[1])
data = open(sys.argv[2], "rb").read()
np.save(sys.argv[3], coder.start().decompress(data, int(sys.argv[4])))
"""


@pytest.mark.parametrize(
    "changes",
    [
        {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3"},
        {
            "OPENBLAS_CORETYPE": "Prescott",
            "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
            "MKL_CBWR": "COMPATIBLE",
        },
    ],
)
def test_another_process_reads_it(
    coder: LearnedCoder, folder: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    """Other threads, other instructions: the same probabilities to the last bit."""
    tokens = np.random.default_rng(2).integers(0, 6561, 300)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        (tmp_path / "code").write_bytes(coder.start().compress(tokens))
    finally:
        torch.set_float32_matmul_precision(before)
    found = tmp_path / "found.npy"
    arguments = [str(folder / "toy"), str(tmp_path / "code"), str(found), "300"]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORK, *arguments],
        env={**os.environ, **changes},
        check=True,
    )
    np.testing.assert_array_equal(np.load(found), tokens)


def test_the_coder_says_who_it_is(folder: Path, coder: LearnedCoder) -> None:
    assert load_coder(folder / "toy").token_hash == coder.token_hash
    assert toy_coder(folder / "other", seed=1).token_hash != coder.token_hash


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_damaged_table_is_noticed(folder: Path, place: float) -> None:
    data = bytearray((folder / "toy").read_bytes())
    data[int(place * len(data))] ^= 1
    damaged = folder / "damaged"
    damaged.write_bytes(data)
    with pytest.raises(SecoustiError, match="is damaged"):
        load_coder(damaged)


def test_other_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="not an entropy coder"):
        load_coder(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(SecoustiError, match="not an entropy coder"):
        load_coder(tmp_path / "text")


def test_a_voice_in_few_bytes(coder: LearnedCoder) -> None:
    generator = np.random.default_rng(5)
    voice = generator.integers(-80, 80, 64).astype(np.int8)
    sent = [coder.encode_voice(voice, place) for place in range(5)]
    assert [len(data) for data in sent] == [*SCHEDULE, SCHEDULE[-1]]
    assert 8 * sum(map(len, sent[:4])) <= 500
    errors = [np.abs(coder.decode_voice(data).astype(int) - voice).mean() for data in sent]
    assert errors[-1] <= errors[0]
    assert coder.voice is not None
    assert len(coder.voice.encode(voice)) == SIZES[-1] <= 300 / 8
    with pytest.raises(ValueError, match="a voice has"):
        coder.decode_voice(b"123")


def test_voices_like_those_it_knows_come_back(coder: LearnedCoder) -> None:
    generator = np.random.default_rng(0)
    voices = np.tanh(generator.normal(size=(400, 12)) @ generator.normal(size=(12, 64)) / 4)
    assert coder.voice is not None
    codes = np.round(127 * voices).astype(np.int8)
    back = np.stack([coder.voice.decode(coder.voice.encode(code)) for code in codes[:50]])
    codes = codes[:50]
    error = ((back - codes.astype(float)) ** 2).mean() / (codes.astype(float) ** 2).mean()
    assert error < 0.1
