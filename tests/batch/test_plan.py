"""The plan of a batch: each sound once, under a name of its own, in an order that its arguments do not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkcli.audio import SUFFIXES
from talkcli.batch.plan import Item, make_plan, parse_formats
from talkcli.errors import TalkError
from talkcli.export import EXPORTERS

OUT = Path("out")


def touch(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [str(folder / name) for name in names]


def plan(*sounds: str, formats: str = "npz", out: Path = OUT) -> list[Item]:
    return make_plan(sounds, out, parse_formats(formats))


def test_a_folder_keeps_its_sub_folders_and_only_sounds_count(tmp_path: Path) -> None:
    touch(tmp_path, "b10.WAV", "b9.mp3", "sub/deep/a.flac", "notes.txt", "face.npz")
    assert [item.name for item in plan(str(tmp_path))] == ["b9", "b10", "sub/deep/a"]
    assert plan(str(tmp_path))[2].outputs == (OUT / "sub/deep/a.npz",)


def test_every_suffix_of_sound_is_found(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{place}{suffix}" for place, suffix in enumerate(SUFFIXES)))
    assert len(plan(str(tmp_path))) == len(SUFFIXES)


def test_the_order_of_the_arguments_changes_nothing(tmp_path: Path) -> None:
    sounds = [*touch(tmp_path, "x/a.wav", "b.wav", "c.mp3"), str(tmp_path / "x")]
    assert plan(*sounds) == plan(*reversed(sounds))
    assert [item.name for item in plan(*sounds)] == ["a", "b", "c"]  # x/a.wav is named twice, and made once


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_every_format_is_known_by_its_suffix_without_the_dot(suffix: str, tmp_path: Path) -> None:
    (item,) = plan(*touch(tmp_path, "a.b.wav"), formats=suffix[1:])
    name = f"a.b/%05d{suffix}" if EXPORTERS[suffix].sequence else f"a.b{suffix}"
    assert item.outputs == (OUT / name,)


def test_formats_are_written_once_each_however_they_are_spelled() -> None:
    assert parse_formats("mp4, GLB,mp4") == [".mp4", ".glb"]


@pytest.mark.parametrize("text", ["", "mp4,", "docx", ".mp4", "json", "mp4;glb"])
def test_a_format_that_is_none_is_told(text: str) -> None:
    with pytest.raises(TalkError, match="choose from: mp4, webm"):
        parse_formats(text)


def test_two_formats_of_a_file_a_frame_would_fill_the_same_folder() -> None:
    with pytest.raises(TalkError, match="png and obj would fill the same folder: make them in two runs"):
        parse_formats("png,mp4,obj")


@pytest.mark.parametrize(
    ("names", "formats", "told"),
    [
        (("a/x.wav", "b/x.wav"), "npz", "'out/x.npz'"),
        (("a/x.wav", "a/x.mp3"), "npz", "'out/x.npz'"),
        (("x.wav", "x.glb.wav"), "glb,npz", None),
        (("a/x.mp3", "b/x.flac"), "glb", "'out/x.glb'"),
    ],
)
def test_two_sounds_of_one_name_are_told(
    names: tuple[str, ...], formats: str, told: str | None, tmp_path: Path
) -> None:
    sounds = touch(tmp_path, *names)
    if told is None:
        assert len(plan(*sounds, formats=formats)) == 2
        return
    with pytest.raises(TalkError, match=f"would both be written to {told}: rename one"):
        plan(*sounds, formats=formats)


def test_a_folder_of_frames_holds_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "x.wav", "x/y.wav")
    with pytest.raises(TalkError, match="would both be written to 'out/x'"):
        plan(str(tmp_path), formats="png")
    assert len(plan(str(tmp_path), formats="npz")) == 2


def test_nothing_is_written_over_a_sound(tmp_path: Path) -> None:
    sounds = touch(tmp_path, "x.mp4", "y.wav")
    with pytest.raises(TalkError, match="would be written over the sound"):
        plan(*sounds, formats="mp4", out=tmp_path)
    assert len(plan(*sounds, formats="glb", out=tmp_path)) == 2  # y.wav is its own sound beside


def test_what_was_made_before_is_no_sound(tmp_path: Path) -> None:
    touch(tmp_path, "x.wav", "out/x.mp4", "out/x.wav", "out/sub/z.wav")
    assert [item.name for item in plan(str(tmp_path), out=tmp_path / "out")] == ["x"]


@pytest.mark.parametrize(
    ("sound", "told"),
    [
        ("-", "- is one sound from standard input: give --out"),
        ("missing.wav", "'missing.wav' does not exist: name a sound, or a folder of sounds"),
        ("*.wav", r"'\*\.wav' does not exist"),
        ("/dev/null", "'/dev/null' is no ordinary file"),
        ("empty", "'empty' holds no sound: there should be files in it that end in .wav"),
        ("out", "--out-dir 'out' is the folder of the sounds: name another, such as out/out"),
    ],
)
def test_what_is_no_sound_is_told(sound: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "out/a.wav", "good.wav")
    with pytest.raises(TalkError, match=told):
        plan("good.wav", sound)


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/secret.wav", "in/a.wav")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TalkError, match=r"more' is a link out of"):
        plan(str(tmp_path / "in"))


def test_texts_have_the_names_of_their_sounds(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "in/sub/b.wav")
    (tmp_path / "texts").mkdir()
    items = make_plan([str(tmp_path / "in")], OUT, [".npz"], tmp_path / "texts")
    assert [item.text for item in items] == [tmp_path / "texts/a.txt", tmp_path / "texts/sub/b.txt"]
    with pytest.raises(TalkError, match="--text-dir 'nowhere' is no folder"):
        make_plan([str(tmp_path / "in")], OUT, [".npz"], Path("nowhere"))
