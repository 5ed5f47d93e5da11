"""Only files inside the folder are found, in the order in which people count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.errors import TalkError
from talkcli.files.paths import describe_bytes, file_size, inside, natural_key, regular_files


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x", encoding="utf-8")
    return root


def found(root: Path, pattern: str = "*", *, recursive: bool = False) -> list[str]:
    return [path.relative_to(root).as_posix() for path in regular_files(root, pattern, recursive=recursive)]


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    make(tmp_path, "frame_10.obj", "frame_2.obj", "frame_002.vl", "frame_1.obj", "a", "frame.obj")
    assert found(tmp_path) == ["a", "frame.obj", "frame_1.obj", "frame_2.obj", "frame_002.vl", "frame_10.obj"]


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_without_leading_zeros_sort_as_numbers(numbers: list[int]) -> None:
    names = sorted((f"frame_{number}.obj" for number in numbers), key=natural_key)
    assert names == [f"frame_{number}.obj" for number in sorted(numbers)]


@given(st.permutations(["", "1", "01", "a", "a1", "a01", "a1b", "a 1", "a\u0661", "1a", "a1.1", "a1.01", "A1"]))
def test_the_order_does_not_depend_on_where_it_began(names: list[str]) -> None:
    expected = ["", "01", "1", "1a", "A1", "a", "a01", "a1", "a1.01", "a1.1", "a1b", "a 1", "a\u0661"]
    assert sorted(names, key=natural_key) == expected


def test_a_number_of_any_length_has_its_place() -> None:
    assert natural_key("9" * 5000) < natural_key("1" + "0" * 5000)
    assert natural_key("a01") != natural_key("a1")


def test_folders_below_are_entered_when_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "s10/b.npy", "s2/a.npy", "s2/deep/c.npy", "z.npy", "s2/d.txt", "s3.npy")
    assert found(tmp_path, "*.npy") == ["s3.npy", "z.npy"]
    assert found(tmp_path, "*.npy", recursive=True) == ["s3.npy", "z.npy", "s2/a.npy", "s2/deep/c.npy", "s10/b.npy"]


def test_a_pattern_is_of_names_and_minds_their_case(tmp_path: Path) -> None:
    make(tmp_path, "a.npy", "A.NPY", "b.npy.txt", "[x].npy")
    assert found(tmp_path, "*.npy") == ["[x].npy", "a.npy"]
    assert found(tmp_path, "[ab].npy") == ["a.npy"]


def test_only_files_are_files(tmp_path: Path) -> None:
    make(tmp_path, "a")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert found(tmp_path) == found(tmp_path, recursive=True) == ["a"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "data/a.npy", "secret.npy", "data2/b.npy")
    root = tmp_path / "data"
    for target in (tmp_path / "secret.npy", Path("../secret.npy"), tmp_path / "data2" / "b.npy"):
        (root / "link.npy").symlink_to(target)
        with pytest.raises(TalkError, match=r"data/link\.npy' is a link out of '.*data', to '.*'"):
            regular_files(root, "*.npy")
        assert found(root, "a*") == ["a.npy"]  # a link that nobody asked for is nobody's matter
        (root / "link.npy").unlink()


def test_a_link_to_a_folder_outside_is_refused_where_it_would_be_entered(tmp_path: Path) -> None:
    make(tmp_path, "data/a.npy", "other/b.npy")
    root = tmp_path / "data"
    (root / "more").symlink_to(tmp_path / "other")
    assert found(root) == ["a.npy"]
    with pytest.raises(TalkError, match="is a link out of"):
        regular_files(root, "*.npy", recursive=True)


def test_links_inside_the_folder_are_files_and_lead_nowhere_twice(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.npy")
    (tmp_path / "b.npy").symlink_to("sub/a.npy")
    (tmp_path / "sub" / "round").symlink_to(tmp_path)
    (tmp_path / "sub" / "loop").symlink_to("loop")
    assert found(tmp_path, "*.npy", recursive=True) == ["b.npy", "sub/a.npy"]


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.npy").symlink_to("b.npy")
    with pytest.raises(TalkError, match="is a link to nothing"):
        regular_files(tmp_path, "*.npy")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path, "disk/sub/a.npy")
    (tmp_path / "disk" / "b.npy").symlink_to(tmp_path / "disk" / "sub" / "a.npy")
    (tmp_path / "data").symlink_to("disk")
    assert found(tmp_path / "data", recursive=True) == ["b.npy", "sub/a.npy"]
    assert inside(tmp_path / "data", "sub/a.npy") == tmp_path / "data" / "sub" / "a.npy"


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    make(tmp_path, "a")
    with pytest.raises(TalkError, match="nothing' does not exist: name a folder"):
        regular_files(tmp_path / "nothing")
    with pytest.raises(TalkError, match="a' is no folder: name a folder"):
        regular_files(tmp_path / "a")


@pytest.mark.parametrize("name", ["a.npy", "sub/a.npy", "sub/../a.npy", "not/there", "..a", ".", "a\\..\\b"])
def test_names_inside_the_folder_pass(tmp_path: Path, name: str) -> None:
    make(tmp_path, "data/sub/a.npy")
    assert inside(tmp_path / "data", name) == tmp_path / "data" / name
    assert inside(tmp_path / "data", Path(name)) == tmp_path / "data" / name


@pytest.mark.parametrize("name", ["../secrets.npy", "..", "sub/../../x", "/etc/passwd", "../data2/x", "out/x", "a\0b"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, "data/sub/a.npy", "data2/x", "secrets.npy")
    (tmp_path / "data" / "out").symlink_to(tmp_path / "data2")
    with pytest.raises(TalkError, match=r"' leads out of the folder '.*data'"):
        inside(tmp_path / "data", name)


def test_the_size_of_a_file_is_told_where_it_is_one(tmp_path: Path) -> None:
    make(tmp_path, "a")
    assert file_size(tmp_path / "a") == 1
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TalkError, match="pipe' is no ordinary file"):
        file_size(tmp_path / "pipe")


def test_sizes_are_for_people() -> None:
    sizes = [0, 999, 1000, 999_949, 999_950, 6_297_838_128, 2 * 10**12]
    assert [describe_bytes(size) for size in sizes] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "999.9 kB",
        "1.0 MB",
        "6.3 GB",
        "2.0 TB",
    ]
