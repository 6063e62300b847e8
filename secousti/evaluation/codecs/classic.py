"""Classic speech codecs through their command-line tools: Codec2, Opus, Speex."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, Samples, fit
from secousti.evaluation.codecs.base import Bits, Codec, CodecInfo, Coded, timed


@dataclass
class ToolCodec(Codec):
    """An encoder and a decoder program, joined by files in a temporary folder.

    ``delay`` is what the pair adds, in samples at the codec's rate; it is removed, so that
    metrics which compare frame by frame see aligned signals.
    """

    package: ClassVar[str]
    tools: ClassVar[tuple[str, str]]
    rate: ClassVar[int]
    delay: ClassVar[int] = 0

    def check(self) -> None:
        for tool in self.tools:
            if shutil.which(tool) is None:
                raise SecoustiError(
                    f"{self.name} needs the program '{tool}'; install the package "
                    f"'{self.package}' of your system, e.g. apt-get install {self.package}"
                )

    def versions(self) -> str:
        return f"package {self.package} {package_version(self.package)}".strip()

    def code(self, audio: Audio) -> Coded:
        samples = audio.at(self.rate)
        with tempfile.TemporaryDirectory() as folder:
            wav, bits, out = (Path(folder) / name for name in ("in.wav", "bits", "out.wav"))
            padded = fit(samples, len(samples) + self.delay)
            write_wav(wav, padded, self.rate)
            _, encode_seconds = timed(lambda: self.encode(wav, bits))
            _, decode_seconds = timed(lambda: self.decode(bits, out))
            decoded = read_wav(out, self.rate)[self.delay :]
            count = self.count(bits.read_bytes())
        decoded_audio = Audio(fit(decoded, len(samples)), self.rate)
        return Coded(decoded_audio, count, [], encode_seconds, decode_seconds)

    @abstractmethod
    def encode(self, wav: Path, bits: Path) -> None:
        """Run the encoder."""

    @abstractmethod
    def decode(self, bits: Path, wav: Path) -> None:
        """Run the decoder."""

    @abstractmethod
    def count(self, content: bytes) -> Bits:
        """Payload and container of the encoded file."""


def package_version(package: str) -> str:
    """Version of an installed Debian package; empty on other systems."""
    if shutil.which("dpkg-query") is None:
        return ""
    query = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout.strip()


def run_tool(*command: str | Path) -> None:
    """Run a program quietly.

    Raises:
        SecoustiError: it fails, with the last line it printed.
    """
    done = subprocess.run([str(part) for part in command], capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise SecoustiError(f"{command[0]} failed with status {done.returncode}: {said[-1]}")


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write 16-bit PCM."""
    import soundfile

    soundfile.write(path, np.clip(samples, -1, 1), rate, subtype="PCM_16")


def read_wav(path: Path, rate: int) -> Samples:
    """Read a decoder's output and bring it to ``rate``."""
    import soundfile

    samples, found = soundfile.read(path, dtype="float32")
    return Audio(samples, found).at(rate)


@dataclass
class Codec2(ToolCodec):
    """Codec2 (Rowe) at 8 kHz, through headerless bit files."""

    mode: str = "1200"

    package = "codec2"
    tools = ("c2enc", "c2dec")
    rate = 8000

    @property
    def delay(self) -> int:  # type: ignore[override]
        """30 ms for 700C, 20 ms for the others: where STOI on speech is highest."""
        return 240 if self.mode == "700C" else 160

    def info(self) -> CodecInfo:
        frame_ms = 20 if self.mode in ("3200", "2400") else 40
        return CodecInfo(
            name=self.name,
            label=f"Codec2 {self.mode}",
            sample_rate=self.rate,
            frame_rate=1000 / frame_ms,
            causal=True,
            latency_ms=frame_ms + 1000 * self.delay / self.rate,
            version=self.versions(),
        )

    def encode(self, wav: Path, bits: Path) -> None:
        import soundfile

        raw = wav.with_suffix(".raw")
        raw.write_bytes(soundfile.read(wav, dtype="int16")[0].tobytes())
        run_tool("c2enc", self.mode, raw, bits)

    def decode(self, bits: Path, wav: Path) -> None:
        raw = wav.with_suffix(".raw")
        run_tool("c2dec", self.mode, bits, raw)
        pcm = np.frombuffer(raw.read_bytes(), dtype="<i2")
        write_wav(wav, np.asarray(pcm / 32768, np.float32), self.rate)

    def count(self, content: bytes) -> Bits:
        # 700C sends 28 bits a frame in 4 bytes: the padding is no information
        frames = len(content) / 4 if self.mode == "700C" else 0
        return Bits(28 * frames, container=4 * frames) if frames else Bits(8 * len(content))


@dataclass
class Opus(ToolCodec):
    """Opus through opus-tools, constant bitrate, tuned for speech; opusdec removes the delay."""

    kbps: float = 6.0

    package = "opus-tools"
    tools = ("opusenc", "opusdec")
    rate = 16000

    def info(self) -> CodecInfo:
        return CodecInfo(
            name=self.name,
            label=f"Opus {self.kbps:g} kbit/s",
            sample_rate=self.rate,
            frame_rate=50.0,
            causal=True,
            latency_ms=26.5,
            version=self.versions(),
        )

    def encode(self, wav: Path, bits: Path) -> None:
        settings = ("--quiet", "--speech", "--hard-cbr", "--bitrate", str(self.kbps))
        run_tool("opusenc", *settings, "--serial", "0", wav, bits)

    def decode(self, bits: Path, wav: Path) -> None:
        run_tool("opusdec", "--quiet", "--rate", str(self.rate), bits, wav)

    def count(self, content: bytes) -> Bits:
        return ogg_bits(content)


@dataclass
class Speex(ToolCodec):
    """Speex narrow band at 8 kHz; quality 0 is 2.15 kbit/s.

    Ten frames share a packet, so that padding to whole bytes costs little.
    """

    quality: int = 0

    package = "speex"
    tools = ("speexenc", "speexdec")
    rate = 8000

    @property
    def delay(self) -> int:  # type: ignore[override]
        """10 ms in the low modes, where ESTOI on speech is highest; speexdec removes the rest."""
        return 80 if self.quality < 5 else 0

    def info(self) -> CodecInfo:
        return CodecInfo(
            name=self.name,
            label=f"Speex quality {self.quality}",
            sample_rate=self.rate,
            frame_rate=50.0,
            causal=True,
            latency_ms=30.0,
            version=self.versions(),
        )

    def encode(self, wav: Path, bits: Path) -> None:
        run_tool("speexenc", "-n", "--nframes", "10", "--quality", str(self.quality), wav, bits)

    def decode(self, bits: Path, wav: Path) -> None:
        run_tool("speexdec", bits, wav)

    def count(self, content: bytes) -> Bits:
        return ogg_bits(content)


def ogg_bits(content: bytes) -> Bits:
    """Bits of the audio packets of an Ogg file, and of everything else (RFC 3533).

    The first two packets are headers in Opus (RFC 7845) and in Speex.

    Raises:
        SecoustiError: the file is no Ogg file.
    """
    sizes, partial, position = [], 0, 0
    while position < len(content):
        if content[position : position + 4] != b"OggS":
            raise SecoustiError(f"no Ogg page at byte {position} of the encoded file")
        count = content[position + 26]
        lacing = content[position + 27 : position + 27 + count]
        for value in lacing:
            partial += value
            if value < 255:
                sizes.append(partial)
                partial = 0
        position += 27 + count + sum(lacing)
    payload = 8 * sum(sizes[2:])
    return Bits(payload, container=8 * len(content) - payload)
