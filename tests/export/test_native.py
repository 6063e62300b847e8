"""The file of weights for C programs (`--format c`)."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.export.native import export_native
from tests.p2psyn.toy import toy_codec as p2psyn_toy
from tests.toy import toy_codec


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file, by the layout in ``weights.h``; checksums are compared."""
    data = path.read_bytes()
    magic, version, count, zero, size, crc = struct.unpack_from("<4sIIIQI", data)
    assert (magic, version, zero, size) == (b"SCTM", 1, 0, len(data))
    assert crc == zlib.crc32(data[:24] + data[64 : 64 + 128 * count])
    kinds = ("float32", "float64", "int32", "int16", "int8", "uint8")
    found = {}
    for i in range(count):
        name, kind, dims, _, *shape, crc, offset, size = struct.unpack_from(
            "<88sBBH4IIQQ", data, 64 + 128 * i
        )
        part = data[offset : offset + size]
        assert offset % 64 == 0
        assert zlib.crc32(part) == crc
        values = np.frombuffer(part, kinds[kind]).reshape(shape[:dims])
        found[name.rstrip(b"\0").decode()] = values
    assert list(found) == sorted(found)
    return found


def test_the_file_holds_what_encodes_and_decodes(tmp_path: Path) -> None:
    codec = toy_codec()
    found = read(export_native(codec, tmp_path / "toy.sctm"))
    for name, tensor in codec.state_dict().items():
        trained_only = name.startswith("acoustic_projection.") or ".logvar." in f".{name}"
        if trained_only or name.endswith("num_batches_tracked"):
            assert name not in found
        else:
            assert np.array_equal(found[name], tensor.numpy())
            assert found[name].dtype == np.float32
    assert found["config.transformer.d_model"].tolist() == [codec.config.transformer.d_model]
    assert found["config.seanet.ratios"].tolist() == list(codec.config.seanet.ratios)
    assert bytes(found["facts.token_hash"]).hex() == codec.token_hash
    assert np.array_equal(found["mel.filters"], codec.mel.filters.numpy())


def test_weight_normalisation_is_folded(tmp_path: Path) -> None:
    found = read(export_native(p2psyn_toy(), tmp_path / "toy.sctm"))
    assert not [name for name in found if "parametrizations" in name]


def test_an_earlier_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "toy.sctm"
    path.write_bytes(b"mine")
    with pytest.raises(SecoustiError, match="--force"):
        export_native(toy_codec(), path)
    assert path.read_bytes() == b"mine"
    export_native(toy_codec(), path, force=True)
    assert read(path)
