"""How likely each phone is at each moment, from the Gaussians of PocketSphinx's acoustic model, without its decoder.

The model was trained on human speech and comes inside the `pocketsphinx` wheel (BSD), so its likelihoods are phonetic
features that no weights need be fetched for. Only numpy: one matrix product over all Gaussians, then the mixtures in
the linear domain. Shape letters: S samples, A frames (100 a second), P phones, G Gaussians a codebook, C cepstra.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from talkcli.audio.cepstra import CEPSTRA, cepstra
from talkcli.clip import Floats
from talkcli.errors import TalkError
from talkcli.stages import stage

_NAMES = """
+NSN+ +SPN+ AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH
K L M N NG OW OY P R S SH SIL T TH UH UW V W Y Z ZH
"""
PHONES: tuple[str, ...] = tuple(_NAMES.split())
RATE = 100  # frames a second

_STREAMS = 3
_GAUSSIANS = 128
_STATES = 3
_SENONES = 5126
_SHARPNESS = 0.25  # frames overlap and are not independent: the usual scale of acoustic scores
_WEIGHT_STEP = -1024 * np.log(1.0001)  # the mixture weights' logarithm, in steps of a byte
_AGAIN = "pip install --force-reinstall 'pocketsphinx>=5'"
_CHUNK = 400  # frames scored at a time: bounds the memory, not the length


@dataclass(frozen=True, eq=False)
class _Model:
    """gaussians[s] (2C + 1, P * G): a log density is linear in (x, x^2, 1); mixtures[s] (P, G, states) sum to 1."""

    gaussians: Floats
    mixtures: Floats


@stage("hear")
def phone_posteriors(samples: Floats, *, warp: float = 1.0) -> Floats:
    """Log-posteriors (S // 160 + 1, 42) float32 in the order of PHONES from samples (S,) at 16 kHz.

    Frame i is centred at i * 10 ms; a gain changes nothing. warp in 0.84-1.18 stretches the frequencies of the mel
    filters (another length of the vocal tract), for augmentation. Raises TalkError where the wheel lacks its model.
    """
    return posteriors_of(cepstra(samples, warp=warp))


def posteriors_of(static: Floats, first: int = 0, last: int | None = None) -> Floats:
    """The same of cepstra (A, 13) without their mean: log-posteriors of the frames from first to last, which hear those
    around them."""
    model = _load_model()
    wanted = np.arange(first - 3, (len(static) if last is None else last) + 3)
    padded = static[wanted.clip(0, len(static) - 1)]
    scores = np.empty((len(padded) - 6, len(PHONES)), np.float32)
    for place in range(0, len(scores), _CHUNK):
        part = padded[place : place + _CHUNK + 6]
        scores[place : place + _CHUNK] = _log_likelihoods(_streams(part), model)
    scores *= _SHARPNESS
    scores -= scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores


def _streams(padded: Floats) -> Floats:
    """Cepstra with three frames of context on either side (A + 6, C) -> they, their slope and its slope, (3, A, C)."""
    frames = len(padded) - 6

    def at(shift: int) -> Floats:
        return padded[3 + shift : 3 + shift + frames]

    return np.stack([at(0), at(2) - at(-2), (at(3) - at(-1)) - (at(1) - at(-3))])


def _log_likelihoods(streams: Floats, model: _Model) -> Floats:
    """(3, A, C) -> (A, P): the best state's log likelihood, its three streams added."""
    frames = streams.shape[1]
    states = np.zeros((len(PHONES), frames, _STATES), np.float32)
    for values, gaussians, mixtures in zip(streams, model.gaussians, model.mixtures, strict=True):
        inputs = np.concatenate([values, values * values, np.ones((frames, 1), np.float32)], axis=1)  # (A, 2C + 1)
        density = (inputs @ gaussians).reshape(frames, len(PHONES), _GAUSSIANS)
        best = density.max(axis=2, keepdims=True)
        density -= best
        np.exp(density, out=density)
        mixed = density.transpose(1, 0, 2) @ mixtures  # (P, A, states)
        states += np.log(np.maximum(mixed, 1e-30)) + best.transpose(1, 0, 2)
    return np.asarray(states.max(axis=2).T)


@cache
def _load_model() -> _Model:
    folder = _model_folder()
    _check_phones(folder / "mdef")
    means, variances = (_read_gaussians(folder / name) for name in ("means", "variances"))  # (P, 3, G, C)
    precision = 1.0 / np.maximum(variances, 1e-4)
    constant = -0.5 * (means**2 * precision + np.log(2 * np.pi / precision)).sum(axis=3)
    linear = np.concatenate([means * precision, -0.5 * precision, constant[..., None]], axis=3)  # (P, 3, G, 2C + 1)
    gaussians = linear.transpose(1, 3, 0, 2).reshape(_STREAMS, 2 * CEPSTRA + 1, len(PHONES) * _GAUSSIANS)
    return _Model(np.ascontiguousarray(gaussians, np.float32), _read_mixtures(folder / "sendump"))


def _model_folder() -> Path:
    try:
        import pocketsphinx
    except ImportError as error:
        raise TalkError(f"pocketsphinx cannot be imported ({error}): type `pip install pocketsphinx`") from error
    folder = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"
    missing = [name for name in ("means", "variances", "sendump", "mdef") if not (folder / name).is_file()]
    if missing:
        raise TalkError(f"{folder} lacks {', '.join(missing)}: type `{_AGAIN}`")
    return folder


def _unexpected(path: Path) -> TalkError:
    return TalkError(f"{path} is not of the en-us model that pocketsphinx 5 brings: type `{_AGAIN}`")


def _read_gaussians(path: Path) -> Floats:
    """means or variances -> (P, streams, G, C)."""
    data = path.read_bytes()
    start = data.find(b"endhdr\n") + 7
    shape = (len(PHONES), _STREAMS, _GAUSSIANS, CEPSTRA)
    size = int(np.prod(shape))
    expected = struct.pack("<8i", 0x11223344, *shape[:3], CEPSTRA, CEPSTRA, CEPSTRA, size)
    if start < 7 or data[start : start + 32] != expected or len(data) < start + 32 + 4 * size:
        raise _unexpected(path)
    return np.frombuffer(data, "<f4", size, start + 32).reshape(shape).astype(np.float32)


def _read_mixtures(path: Path) -> Floats:
    """sendump -> weights of the context-independent states, (streams, P, G, states)."""
    data = path.read_bytes()
    size = _STREAMS * _GAUSSIANS * _SENONES
    if not size < len(data) < size + 10_000:
        raise _unexpected(path)
    senones = np.frombuffer(data, np.uint8, size, len(data) - size).reshape(_STREAMS, _GAUSSIANS, _SENONES)
    steps = senones[:, :, : len(PHONES) * _STATES].reshape(_STREAMS, _GAUSSIANS, len(PHONES), _STATES)
    weights = np.exp(steps.astype(np.float32) * np.float32(_WEIGHT_STEP)).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(weights / weights.sum(axis=2, keepdims=True), np.float32)


def _check_phones(path: Path) -> None:
    """The model's phones must be ours, in our order: the tables carry no names."""
    data = path.read_bytes()
    counts = 12 + struct.unpack_from("<I", data, 8)[0] if data[:4] == b"BMDF" else len(data)
    if counts + 400 > len(data):
        raise _unexpected(path)
    phones, _, states, context_free, senones = struct.unpack_from("<5i", data, counts)
    names = data[counts + 40 : counts + 400].split(b"\0")[: len(PHONES)]
    if (phones, states, context_free, senones) != (len(PHONES), _STATES, len(PHONES) * _STATES, _SENONES):
        raise _unexpected(path)
    if tuple(name.decode("ascii", "replace") for name in names) != PHONES:
        raise _unexpected(path)
