"""What a user meets of ``Encoded`` in Python: from codes alone, printed, in a notebook."""

from __future__ import annotations

import base64
import gc
import io
import pickle
import re
from xml.etree import ElementTree

import pytest
import soundfile
import torch

from secousti import SecoustiCodec, SecoustiError
from secousti.encoded import Encoded
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="module")
def toy() -> SecoustiCodec:
    return toy_codec()


def test_codes_alone_become_what_encode_gave(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(1.0, rows=2), 22050)
    voice = encoded.paralinguistic
    bare = Encoded.from_codes(encoded.codes, voice, codec=toy)
    assert torch.equal(toy.decode(bare), toy.decode(encoded.codes, voice=voice))
    exact = Encoded.from_codes(
        encoded.codes, voice, codec=toy, lengths=encoded.lengths, num_samples=encoded.num_samples
    )
    assert torch.equal(toy.decode(exact), toy.decode(encoded))
    one = Encoded.from_codes(encoded.codes[0, 0], codec=toy)
    assert one.codes.shape == (1, 1, encoded.codes.shape[-1])
    assert one.paralinguistic is None


def test_codes_that_do_not_fit(toy: SecoustiCodec) -> None:
    codes = torch.zeros(2, 1, 4, dtype=torch.int64)
    for options, message in [
        ({"codes": codes + 10**6}, "must lie in"),
        ({"codes": codes.float()}, "must be integers"),
        ({"codes": codes, "voice": torch.zeros(3, 64)}, "a voice must be"),
        ({"codes": codes, "lengths": torch.tensor([4, 5])}, "lengths"),
        ({"codes": codes, "num_samples": torch.tensor([1])}, "num_samples"),
    ]:
        with pytest.raises(SecoustiError, match=message):
            Encoded.from_codes(codec=toy, **options)  # type: ignore[arg-type]


def test_it_prints_in_a_line(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(1.0, rows=2), 22050)
    assert len(repr(encoded)) < 160
    assert "2 recordings of 2.00 s" in repr(encoded)
    assert "tensor" not in repr(encoded)


def test_a_notebook_shows_sound_tokens_and_bits(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(1.0), 22050)
    shown = encoded._repr_html_()
    data = re.search(r'src="data:audio/wav;base64,([^"]+)"', shown)
    assert data is not None
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(data[1])), dtype="float32")
    assert rate == 22050
    torch.testing.assert_close(
        torch.from_numpy(sound), toy.decode(encoded)[0, 0], atol=1e-4, rtol=0
    )
    ElementTree.fromstring(
        shown.replace("<audio controls", "<audio").replace("</audio>", "</audio>")
    )
    titles = re.findall(r"<title>(\d+)</title>", shown)
    assert [int(title) for title in titles] == encoded.codes[0, 0].tolist()
    assert f"{encoded.bits.side_information} bits of voice" in shown
    assert "http" not in shown


def test_it_does_not_keep_the_codec_nor_pickle_it(toy: SecoustiCodec) -> None:
    other = toy_codec(seed=3)
    encoded = other.encode(toy_speech(0.5), 22050)
    size = len(pickle.dumps(encoded))
    assert size < 20_000
    assert pickle.loads(pickle.dumps(encoded)).codec is None
    del other
    gc.collect()
    assert encoded.codec is None
    assert "no sound: the codec" in encoded._repr_html_()


def test_sound_that_no_page_should_carry(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(31.0), 22050)
    assert "longer than 30 s" in encoded._repr_html_()
    mute = toy_codec(vocoder=False)
    assert "no sound" in mute.encode(toy_speech(0.5), 22050)._repr_html_()


def test_arrays_bring_their_rate(toy: SecoustiCodec) -> None:
    """soundfile's pair, a Hugging Face dict, bytes and an open file are one recording."""
    wav = toy_speech(0.5, 16000)[0].numpy()
    file = io.BytesIO()
    soundfile.write(file, wav, 16000, format="WAV", subtype="FLOAT")
    wanted = toy.encode(wav, 16000).codes
    with pytest.raises(SecoustiError, match="does not know its rate"):
        toy.encode(wav)
    with pytest.raises(SecoustiError, match=r"\(array, rate\)"):
        toy.encode(wav[:, None].repeat(2, 1), 16000)
    file.seek(0)
    for given in (
        (wav, 16000),
        {"array": wav, "sampling_rate": 16000},
        file.getvalue(),
        file,
        (wav[:, None].repeat(2, 1), 16000),
    ):
        assert torch.equal(toy.encode(given).codes, wanted)
