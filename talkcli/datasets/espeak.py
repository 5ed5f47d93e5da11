"""espeak-ng by ctypes: speech with the times of its phones, which need two corrections.

The library and its voices come with the espeakng-loader wheel. It may crash on odd input, so it is only ever loaded in
worker processes. It remembers what it said before, and would say the next sentence a little differently: so it is
loaded anew for each.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from talkcli.clip import Floats, Phone
from talkcli.errors import TalkError
from talkcli.phones import VOICELESS_STOP, VOWELS
from talkcli.phones.sets import from_ipa

INSTALL = "pip install espeakng-loader"
_SYNCHRONOUS, _PHONEME_EVENTS, _AS_IPA, _DONT_EXIT = 2, 1, 2, 0x8000
_UTF8, _END_PAUSE = 1, 0x1000
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_END, _EVENT_PHONEME = 0, 7
_QUIET = 60 / 32768
_VOICELESS = frozenset({"P", "T", "K", "CH", "F", "TH", "S", "SH", "HH"})


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def available() -> bool:
    return find_spec("espeakng_loader") is not None


class _Library:
    """The engine; what it says is collected by its callback."""

    def __init__(self) -> None:
        import espeakng_loader

        self.system: Any = ctypes.CDLL(None)
        self.system.srand(1)  # breath is made of the C library's random numbers
        self.library: Any = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        options = _PHONEME_EVENTS | _AS_IPA | _DONT_EXIT
        self.rate = int(self.library.espeak_Initialize(_SYNCHRONOUS, 0, data, options))
        if self.rate <= 0:
            raise TalkError(f"espeak-ng cannot read its voices; reinstall them: {INSTALL} --force-reinstall")
        self.sound: list[bytes] = []
        self.events: list[tuple[int, str]] = []
        self.callback = _Callback(self.collect)  # kept, or it would be collected as garbage
        self.library.espeak_SetSynthCallback(self.callback)

    def collect(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self.sound.append(ctypes.string_at(wav, count * 2))
        index = 0
        while events[index].type != _EVENT_END:
            if events[index].type == _EVENT_PHONEME:
                raw = ctypes.string_at(ctypes.addressof(events[index]) + _Event.name.offset, 8)
                self.events.append((events[index].sample, raw.split(b"\0")[0].decode("utf-8", "ignore")))
            index += 1
        return 0


@contextmanager
def _loaded() -> Iterator[_Library]:
    """The engine as it comes from its file, without anything that it said before."""
    engine = _Library()
    try:
        yield engine
    finally:
        engine.library.espeak_Terminate()
        engine.system.dlclose(ctypes.c_void_p(engine.library._handle))


def speak(text: str, voice: str, *, rate: int, pitch: int, spread: int) -> tuple[Floats, int, list[Phone]]:
    """Samples (S,), their rate, and the phones.

    Args:
        voice: a voice and a variant, such as "en-us+f2".
        rate: words a minute; pitch and spread: 0 to 100.

    Raises:
        TalkError: no such voice.
    """
    with _loaded() as engine:
        if engine.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise TalkError(f"espeak-ng has no voice '{voice}'; its wheel is another than the corpus was made for")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, spread)):
            engine.library.espeak_SetParameter(parameter, value, 0)
        data = text.encode("utf-8")
        engine.library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8 | _END_PAUSE, None, None)
    samples = np.frombuffer(b"".join(engine.sound), "<i2").astype(np.float32) / np.float32(32768)
    events = [(sample / engine.rate, name) for sample, name in engine.events]
    return samples, engine.rate, corrected(raw_phones(events, len(samples) / engine.rate), samples, engine.rate)


def raw_phones(events: Sequence[tuple[float, str]], seconds: float) -> list[Phone]:
    """The phones as the events time them: each lasts until the next event; an event without a name is a pause."""
    out: list[Phone] = []
    brief = 0.06  # a shorter pause is a glottal stop: like one by name, it belongs to the phone before
    named = [(time, name) for time, name in events if not name.startswith("(")]  # "(en)": a change of language
    for (start, name), (end, _) in zip(named, [*named[1:], (seconds, "")], strict=True):
        names = from_ipa(name) if name else ("SIL",) if end - start > brief or not out else ()
        if not names and out:
            out[-1] = Phone(out[-1].name, out[-1].start, end)
        for part, phone in enumerate(names):
            step = (end - start) / len(names)
            out.append(Phone(phone, start + part * step, start + (part + 1) * step))
    return [phone for phone in out if phone.end > phone.start]


def corrected(phones: Sequence[Phone], samples: Floats, rate: int) -> list[Phone]:
    """The phones with starts moved back to where the sounds begin.

    The event of a voiceless stop marks its burst: its closure is the silence before. The event of a vowel comes after
    the transition into it.
    """
    starts = [phone.start for phone in phones]
    for index in range(1, len(phones)):
        before, phone = phones[index - 1], phones[index]
        length = phone.start - starts[index - 1]
        if phone.name in VOICELESS_STOP:
            starts[index] -= min(_silence_before(samples, rate, phone.start, length), 0.09, max(length - 0.01, 0.0))
        elif phone.name in VOWELS and before.name != "SIL":
            shift = 0.012 if before.name in _VOICELESS else 0.030
            starts[index] -= min(shift, 0.45 * length)
    ends = [*starts[1:], phones[-1].end] if phones else []
    return [Phone(phone.name, a, b) for phone, a, b in zip(phones, starts, ends, strict=True)]


def _silence_before(samples: Floats, rate: int, time: float, length: float) -> float:
    """Seconds of silence up to a time; the usual length of a closure where there is none to be found."""
    at = min(int(time * rate), len(samples))
    window = np.abs(samples[max(at - int(0.09 * rate), 0) : at])
    loud = np.flatnonzero(window > _QUIET)
    if not len(loud):
        return 0.09
    silent = (len(window) - 1 - int(loud[-1])) / rate
    return silent if silent > 0.004 else min(0.045, length / 2)
