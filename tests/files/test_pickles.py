"""A pickle is data: what it holds comes out, and what it asks for beyond that is told and never done."""

from __future__ import annotations

import os
import pickle
import random
import struct
import tracemalloc
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.files.pickles import load_pickle
from tests.make_pickles import python2, save_python2

# Python 2.7.18, numpy 1.16.6: cPickle.dumps({"audio": np.array([1, -2], "i2"), "sample_rate": 22000}, protocol)
SOUND = {
    0: (
        b"(dp1\nS'audio'\np2\ncnumpy.core.multiarray\n_reconstruct\np3\n(cnumpy\nndarray\np4\n(I0\ntS'b'\ntRp5\n"
        b"(I1\n(I2\ntcnumpy\ndtype\np6\n(S'i2'\nI0\nI1\ntRp7\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
        b"S'\\x01\\x00\\xfe\\xff'\ntbsS'sample_rate'\np8\nI22000\ns."
    ),
    2: (
        b"\x80\x02}q\x01(U\x05audioq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02i2K\x00K\x01\x87Rq\x07(K\x03U\x01<NNNJ\xff\xff\xff"
        b"\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x00\xfe\xfftbU\x0bsample_rateq\x08M\xf0Uu."
    ),
}
PLAIN: dict[Any, Any] = {
    "words": ["", "a", "\xe9", "\u20ac", "long " * 100],
    "bytes": [b"", b"\x00\xff", bytes(range(256)) * 3],
    "numbers": [0, 1, 255, 256, 65536, -1, 2**31, 2**63, -(2**70), 0.1, -1e300, True, False, None],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "sets": [set(), {1, 2}, frozenset({"a", (1, "b")})],
    "ordered": OrderedDict([("z", 1), ("a", [2])]),
    ("a", 1): {3: {4: 5}},
    "many": {index: -index for index in range(1100)},
}
ARRAYS = {
    "float": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "turned": np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
    "big_endian": np.arange(5, dtype=">i4"),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 5023, 3)),
    "none": np.array(2.5),
    "text": np.array(["one", "\u20ac"]),
    "bytes": np.array([b"one", b"two"]),
    "part": np.arange(20, dtype=np.uint8)[::3],
    "long": np.arange(70000, dtype=np.int16),
}
SCALARS = [np.float32(1.5), np.int64(-7), np.bool_(True), np.uint8(200), np.str_("word"), np.bytes_(b"x")]


def load(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "data.pkl"
    path.unlink(missing_ok=True)  # to write over a file would wait for the disk
    path.write_bytes(data)
    return load_pickle(path)


def check_arrays(found: dict[str, Any]) -> None:
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype.newbyteorder("="), name
        assert found[name].dtype.isnative, name
        assert np.array_equal(found[name], array), name
        assert not found[name].flags.writeable, name


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_arrays_of_every_protocol_come_back(tmp_path: Path, protocol: int) -> None:
    found = load(tmp_path, pickle.dumps([PLAIN, ARRAYS, SCALARS], protocol))
    assert found[0] == PLAIN
    assert type(found[0]["ordered"]) is OrderedDict
    assert [type(item) for item in found[0]["numbers"]] == [type(item) for item in PLAIN["numbers"]]
    check_arrays(found[1])
    assert found[2] == SCALARS
    assert [type(item) for item in found[2]] == [type(item) for item in SCALARS]


@pytest.mark.parametrize("protocol", [0, 2])
def test_what_python_2_wrote_comes_back(tmp_path: Path, protocol: Literal[0, 2]) -> None:
    plain = {key: value for key, value in PLAIN.items() if key not in ("sets", "ordered", "bytes")}
    path = save_python2(tmp_path / "data.pkl", [plain, ARRAYS, SCALARS[:4], b"\x00\xff"], protocol)
    found = load_pickle(path)
    assert found[0] == plain
    check_arrays(found[1])
    assert found[2] == SCALARS[:4]
    assert found[3] == "\x00\xff"


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_true_pickle_of_python_2_comes_back_and_the_tests_writer_makes_the_like(
    tmp_path: Path, protocol: Literal[0, 2]
) -> None:
    sound = {"audio": np.array([1, -2], np.int16), "sample_rate": 22000}
    for data in (SOUND[protocol], python2(sound, protocol)):
        found = load(tmp_path, data)
        assert (found["audio"].tolist(), found["audio"].dtype, found["sample_rate"]) == ([1, -2], np.int16, 22000)
    assert protocol == 2 or python2(sound, protocol) == SOUND[protocol]


@pytest.mark.parametrize("old", [True, False])
def test_the_names_of_either_numpy_are_known(tmp_path: Path, old: bool) -> None:
    data = pickle.dumps([np.arange(3), np.float64(2)], 2)
    pair = (b"numpy.core", b"numpy._core") if old else (b"numpy._core", b"numpy.core")
    data = data.replace(pair[1], pair[0])
    assert pair[0] in data
    found = load(tmp_path, data)
    assert (found[0].tolist(), found[1]) == ([0, 1, 2], 2.0)


def test_what_is_shared_stays_shared_and_what_holds_itself_does(tmp_path: Path) -> None:
    array, ring = np.arange(3), [1]
    ring.append(ring)  # type: ignore[arg-type]  # on purpose
    for protocol in (0, 2, 5):
        found = load(tmp_path, pickle.dumps([array, {"again": array}, ring], protocol))
        assert found[0] is found[1]["again"]
        assert found[2][1] is found[2]


class Evil:
    """Anything that a pickle can name, called with anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def exploits(mark: Path) -> dict[str, bytes]:
    """Pickles each of which would make the file, or take a step towards it."""
    shell, code = f"touch {mark}", f"open({str(mark)!r}, 'w').close()"
    quoted = repr(shell).encode()
    found = {f"system, protocol {p}": pickle.dumps([1, Evil(os.system, shell)], p) for p in range(6)}
    found |= {f"eval, protocol {p}": pickle.dumps({"a": Evil(eval, code)}, p) for p in range(6)}
    found |= {
        "text": b"cos\nsystem\n(S" + quoted + b"\ntR.",
        "instance": b"(S" + quoted + b"\nios\nsystem\n.",
        "object": b"(cos\nsystem\nS" + quoted + b"\no.",
        "getattr": b"c__builtin__\ngetattr\n(c__builtin__\nset\nS'__class__'\ntR.",
        "an array of another class": b"cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\n(I0\ntS'b'\ntR.",
        "a function of numpy": b"cnumpy\nload\n(S'x'\nNI01\ntR.",
        "a name in a name": stack_global("numpy", "core.multiarray._reconstruct.__globals__"),
        "a name after a name": stack_global("numpy.core.multiarray", "_reconstruct.__globals__"),
        "a module for a name": stack_global("builtins", "set.__init__"),
        "codecs": b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
        "bytes of Python 2": b"c__builtin__\nstr\n(I3\ntR.",
    }
    return found


def stack_global(module: str, name: str) -> bytes:
    words = [b"\x8c%c" % len(word) + word.encode() for word in (module, name)]
    return b"\x80\x04" + b"".join(words) + b"\x93)R."


@pytest.mark.parametrize("name", exploits(Path("mark")))
def test_nothing_that_a_pickle_names_is_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(TalkError, match=r"data\.pkl' asks for .*, which is no data: nothing of it was run") as told:
        load(tmp_path, exploits(mark)[name])
    assert not mark.exists()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["system, protocol 2", "eval, protocol 4", "text", "instance", "object"])
def test_the_pickles_of_these_tests_are_dangerous(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    pickle.loads(exploits(mark)[name])
    assert mark.exists()


def test_what_was_asked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"asks for 'os\.system', which"):
        load(tmp_path, b"cos\nsystem\n)R.")
    with pytest.raises(TalkError, match=r"asks for 'chumpy\.ch\.Ch', which"):
        load(tmp_path, b"\x80\x02cchumpy.ch\nCh\n)\x81}b.")
    with pytest.raises(TalkError, match=r"asks for 'os\.\\x1b\[2J', which"):  # nothing that a terminal obeys
        load(tmp_path, b"cos\n\x1b[2J\n)R.")


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy\ndtype\n(dS'__module__'\nS'x'\nsb.",  # attributes for what we put in numpy's place
        b"cnumpy.core.multiarray\nscalar\n}b.",
        b"c__builtin__\nset\n(N(S'a'\nI1\ndtb.",
        b"]}b.",
        b"}(S'update'\nNdb.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # objects of classes
        b"\x80\x04cnumpy\nndarray\n)}\x92.",
        b"(cnumpy\nndarray\nI1\no.",
        b"(I1\ninumpy\nndarray\n.",
        b"cnumpy\nndarray\n((I1\nttR.",
        b"S'a'\n)R.",  # a call of no function
        b"Pid\n.",  # what is kept elsewhere
        b"S'id'\nQ.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02\x83\x01\x00.",
        b"\x80\x02\x84\x01\x00\x00\x00.",
        b"\x80\x05\x97.",
        b"cnumpy\nndarray\n.",  # what stands for numpy's
        b"(lcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRa.",
        b"(lcnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRa.",
        b"}cnumpy\nndarray\nI1\ns.",
        b"(cnumpy\nndarray\nt.",
        pickle.dumps(np.array([{}], object)),
        pickle.dumps(np.zeros(2, "f4,i4")),
        pickle.dumps(np.zeros(2, "M8[s]")),
        pickle.dumps(np.zeros(2, "c16")),
        pickle.dumps(np.ma.array([1])),
        pickle.dumps(bytearray(3), 2),
        pickle.dumps(slice(1)),
    ],
)
def test_objects_of_every_other_kind_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TalkError, match="which is no data: nothing of it was run"):
        load(tmp_path, data)


def array_of(raw: bytes, shape: bytes, code: bytes = b"S'f8'\nI0\nI1\nt") -> bytes:
    """A pickle of an array that claims a shape, protocol 0."""
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
    return start + b"(" + shape + b"tcnumpy\ndtype\n(" + code + b"R(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n" + raw + b"tb."


def test_the_arrays_of_these_tests_are_arrays(tmp_path: Path) -> None:
    assert load(tmp_path, array_of(b"S'" + b"a" * 16 + b"'\n", b"I2\n")).shape == (2,)


@pytest.mark.parametrize(
    "data",
    [
        array_of(b"S'" + b"a" * 16 + b"'\n", b"I3\n"),
        array_of(b"S'" + b"a" * 16 + b"'\n", b"I1000000000000\n"),
        array_of(b"S'" + b"a" * 16 + b"'\n", b"I-1\nI-2\n"),
        array_of(b"S'" + b"a" * 16 + b"'\n", b"I01\nI2\n"),
        array_of(b"S''\n", b"I0\nI9223372036854775807\nI9223372036854775807\n"),
        array_of(b"S''\n", b"I0\n" * 40),
        array_of(b"S''\n", b"F2.0\n"),
        array_of(b"(l", b"I0\n"),
        array_of(b"S''\n", b"I9\n", b"S'S0'\nI0\nI1\nt"),
        array_of(b"S'\\xff'\n", b"I1\n", b"S'U999999999'\nI0\nI1\nt"),
        array_of(b"V\\u20ac\n", b"I1\n", b"S'i1'\nI0\nI1\nt"),
        array_of(b"S'a'\n", b"I1\n", b"S'f9'\nI0\nI1\nt"),
        b"\x80\x02(K\x01K\x02K\x03d.",
        b"\x80\x02}(]K\x01u.",
        b"\x80\x02]K\x01K\x02s.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02h\x05.",
        b"\x80\x06K\x01.",
        b"0.",
        b"t.",
        b"I1e\n.",
        b"<!DOCTYPE html><html>Please log in</html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90000000\n",
        b"\x00" * 100,
        b"\x93NUMPY\x01\x00v\x00",
    ],
)
def test_bytes_that_are_no_pickle_are_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TalkError, match=r"data\.pkl'"):
        load(tmp_path, data)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_cut_off_anywhere_is_told(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps([ARRAYS["float"], "word", np.int64(3), {1: (2.5, 2**80)}], protocol)
    for length in range(1, len(data)):
        with pytest.raises(TalkError, match=r"data\.pkl' \(.* bytes\) is cut off, or is no pickle: download it again"):
            load(tmp_path, data[:length])


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"data\.pkl' is empty \(0 bytes\)"):
        load(tmp_path, b"")
    with pytest.raises(TalkError, match=r"missing\.pkl' does not exist"):
        load_pickle(tmp_path / "missing.pkl")
    with pytest.raises(TalkError, match="is a folder"):
        load_pickle(tmp_path)


TEXT = b"\x80\x02X" + struct.pack("<I", 400_000) + b"a" * 400_000 + b"q\x01"
BIG_ENDIAN = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbq\x02"


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"abc",
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"abc",
        b"\x80\x02B" + struct.pack("<I", (1 << 32) - 1) + b"abc",
        b"\x80\x02T" + struct.pack("<I", (1 << 31) - 1) + b"abc",
        b"\x80\x02X" + struct.pack("<I", (1 << 32) - 1) + b"abc",
        b"\x80\x02\x8b" + struct.pack("<I", (1 << 31) - 1) + b"abc",
        TEXT + b"(" + b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R" * 1000 + b"l.",
        TEXT + BIG_ENDIAN + b"(" + b"cnumpy.core.multiarray\nscalar\nh\x02h\x01\x86R" * 1000 + b"l.",
        TEXT + b"(h\x01h\x01lq\x03(" + b"c__builtin__\nset\nh\x01\x85R" * 1000 + b"l.",
    ],
)
def test_a_pickle_takes_no_memory_that_its_file_does_not_fill(tmp_path: Path, data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TalkError):
            load(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_the_place_of_a_memory_takes_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:  # Python's own unpickler, in C, would take 32 GB for it
        assert load(tmp_path, b"\x80\x02K\x07r\xff\xff\xff\x7f0j\xff\xff\xff\x7f.") == 7
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_pickle_that_doubles_itself_sixty_times_is_soon_told(tmp_path: Path) -> None:
    doubled = b"".join(b"q%ch%c\x86" % (index, index) for index in range(60))
    for data in (b")" + doubled + b"N0}" + b"h\x3b" + b"Ns.", b"}" + b")" + doubled + b"Ns."):
        with pytest.raises(TalkError, match="asks for a tuple as a key"):
            load(tmp_path, b"\x80\x02" + data)
    found = load(tmp_path, b"\x80\x02)" + doubled[: 20 * 5] + b".")
    assert found[0] is found[1]
    for code in (b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n"):  # nor is it ever put into a sentence
        with pytest.raises(TalkError, match=r"data\.pkl'"):
            load(tmp_path, b"\x80\x02" + code + b")" + doubled + b"\x85R.")


def test_containers_in_containers_without_end_are_refused(tmp_path: Path) -> None:
    assert load(tmp_path, b"\x80\x02K\x01" + b"\x85" * 60 + b".")
    with pytest.raises(TalkError, match="containers in containers, 64 deep"):
        load(tmp_path, b"\x80\x02K\x01" + b"\x85" * 100_000 + b".")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_with_wrong_bytes_is_read_or_told(tmp_path: Path, protocol: int) -> None:
    value = [{"a": np.arange(3), "b": np.float32(1)}, np.array(["x", "yz"]), {1, 2}, OrderedDict(a=(1, 2.5)), 2**80]
    good = pickle.dumps(value, protocol)
    rng, told = random.Random(protocol), 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 2, 4))):
            data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), rng.choice(good)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of an escape that is none, in text of Python 2
                load(tmp_path, bytes(data))
        except TalkError:
            told += 1
    assert 100 < told < 400


def test_an_array_may_be_kept_elsewhere_as_soon_as_it_is_read(tmp_path: Path) -> None:
    arrays = {"a": np.arange(100000, dtype=np.int16), "b": np.ones((2, 3))}
    for protocol in (0, 2):
        save_python2(tmp_path / "a.pkl", {"twice": [arrays["a"]] * 2, **arrays}, protocol)
        seen: list[np.ndarray] = []

        def keep(array: np.ndarray, seen: list[np.ndarray] = seen) -> np.ndarray:
            seen.append(array)
            return array[:2]

        found = load_pickle(tmp_path / "a.pkl", keep)
        assert {array.shape for array in seen} == {(100000,), (2, 3)}
        assert found["a"].tolist() == [0, 1]
        assert [part.tolist() for part in found["twice"]] == [[0, 1]] * 2
        assert found["b"].shape == (2, 3)


def test_a_long_text_is_read_and_may_not_come_twice(tmp_path: Path) -> None:
    text = "a" * 100000
    (tmp_path / "once.pkl").write_bytes(pickle.dumps([text], 2))
    assert load_pickle(tmp_path / "once.pkl") == [text]
    (tmp_path / "twice.pkl").write_bytes(pickle.dumps([text, text], 2))
    with pytest.raises(TalkError, match="one long text twice"):
        load_pickle(tmp_path / "twice.pkl")
