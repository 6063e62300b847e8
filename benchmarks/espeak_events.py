"""Speak one text with libespeak-ng and write down when each word and phoneme begins.

``python -m benchmarks.espeak_events VOICE TEXT OUT.wav`` writes the sound and prints JSON:
``{"sample_rate", "samples", "events": [[sample, "word" | "phoneme", position | name], ...]}``.
One process an utterance: a second text in the same process does not come out the same.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave

SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1
WORD, PHONEME = 1, 7


class Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


def speak(voice: str, text: str) -> tuple[int, bytes, list[tuple[int, str, str | int]]]:
    """Sample rate, 16-bit samples and events of ``text``."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
    chunks: list[bytes] = []
    events: list[tuple[int, str, str | int]] = []

    def collect(wav: object, count: int, event: object) -> int:
        if wav and count:
            chunks.append(ctypes.string_at(wav, 2 * count))  # type: ignore[arg-type]
        index = 0
        while event[index].type:  # type: ignore[index]
            found = event[index]  # type: ignore[index]
            if found.type == WORD:
                events.append((found.sample, "word", found.text_position))
            elif found.type == PHONEME:
                events.append((found.sample, "phoneme", found.name.decode()))
            index += 1
        return 0

    callback = Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        sys.exit(f"espeak-ng has no voice {voice}")
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    return rate, b"".join(chunks), events


if __name__ == "__main__":
    sample_rate, samples, found = speak(sys.argv[1], sys.argv[2])
    with wave.open(sys.argv[3], "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples)
    total = len(samples) // 2
    print(json.dumps({"sample_rate": sample_rate, "samples": total, "events": found}))
