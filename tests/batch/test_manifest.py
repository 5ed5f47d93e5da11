"""Finished is what was made from these bytes, in this way, and is still as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from talkcli.animate import Animated, AnimateOptions
from talkcli.batch.manifest import FOLDER, Manifest, Recipe, digest
from talkcli.batch.plan import Item
from talkcli.errors import TalkError
from talkcli.export import ExportOptions

RECIPE = Recipe("small", "ab" * 32, "fp32", AnimateOptions(), ExportOptions())
CAME = Animated(1.5, 45)


@pytest.fixture
def item(tmp_path: Path) -> Item:
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "a.txt").write_text("hello")
    out = tmp_path / "out"
    return Item("sub/a", tmp_path / "a.wav", (out / "sub/a.glb", out / "sub/a/%05d.png"), tmp_path / "a.txt")


@pytest.fixture
def manifest(item: Item, tmp_path: Path) -> Manifest:
    return Manifest(tmp_path / "out", item)


def write(item: Item) -> None:
    glb, frame = item.outputs
    glb.write_bytes(b"head")
    glb.with_suffix(".wav").write_bytes(b"sound beside")
    frame.parent.mkdir(exist_ok=True)
    (frame.parent / "00000.png").write_bytes(b"face")


def make(manifest: Manifest, item: Item, recipe: Recipe = RECIPE) -> None:
    with manifest.making(manifest.run(recipe)) as came:
        write(item)
        came.append(CAME)


def test_what_is_made_is_finished_and_tells_what_came(manifest: Manifest, item: Item) -> None:
    assert manifest.finished(RECIPE) is None
    make(manifest, item)
    assert manifest.finished(RECIPE) == CAME
    assert manifest.unclaimed() == []
    told = json.loads(manifest.path.read_text())
    assert set(told["outputs"]) == {"sub/a.glb", "sub/a.wav", "sub/a"}
    assert told["outputs"]["sub/a.glb"]["sha256"] == digest(item.outputs[0])


Change = Callable[[Item], object]
CHANGES: dict[str, Change] = {
    "the sound": lambda item: item.source.write_bytes(b"other"),
    "the text": lambda item: item.text and item.text.write_text("hullo"),
    "no sound": lambda item: item.source.unlink(),
    "no text": lambda item: item.text and item.text.unlink(),
    "an output": lambda item: item.outputs[0].write_bytes(b"hEad"),
    "an output that is cut off": lambda item: item.outputs[0].write_bytes(b"hea"),
    "an output that is gone": lambda item: item.outputs[0].unlink(),
    "what lies beside": lambda item: item.outputs[0].with_suffix(".wav").write_bytes(b"sound beSide"),
    "a frame": lambda item: (item.outputs[1].parent / "00000.png").write_bytes(b"fAce"),
    "a frame's name": lambda item: (item.outputs[1].parent / "00000.png").rename(item.outputs[1].parent / "00001.png"),
    "a frame more": lambda item: (item.outputs[1].parent / "00001.png").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_not_finished_any_more(change: str, manifest: Manifest, item: Item) -> None:
    make(manifest, item)
    CHANGES[change](item)
    assert manifest.finished(RECIPE) is None
    assert manifest.unclaimed() == []  # and may be made again


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, checkpoint="cd" * 32),
        replace(RECIPE, model="other"),
        replace(RECIPE, precision="bf16"),
        replace(RECIPE, talk="99"),
        replace(RECIPE, options=AnimateOptions(seed=1)),
        replace(RECIPE, options=AnimateOptions(fps=25.0)),
        replace(RECIPE, look=ExportOptions(size=(64, 64))),
    ],
)
def test_another_recipe_is_another_thing(other: Recipe, manifest: Manifest, item: Item) -> None:
    make(manifest, item)
    assert manifest.finished(other) is None
    make(manifest, item, other)
    assert manifest.finished(other) == CAME
    assert manifest.finished(RECIPE) is None


def test_what_changes_no_output_changes_no_recipe(manifest: Manifest, item: Item) -> None:
    make(manifest, item)
    look = ExportOptions(force=True, sound=Path("elsewhere.wav"))
    assert manifest.finished(replace(RECIPE, look=look)) == CAME


def test_the_time_and_the_place_are_not_in_it(manifest: Manifest, item: Item, tmp_path: Path) -> None:
    make(manifest, item)
    before = manifest.path.read_bytes()
    make(manifest, item)
    assert manifest.path.read_bytes() == before
    assert str(tmp_path) not in before.decode()


def test_other_formats_of_an_item_stay_finished(item: Item, tmp_path: Path) -> None:
    one, other = (replace(item, outputs=(output,)) for output in item.outputs)
    for part in (one, other):
        make(Manifest(tmp_path / "out", part), item)
    assert Manifest(tmp_path / "out", one).finished(RECIPE) == CAME
    assert Manifest(tmp_path / "out", item).finished(RECIPE) == CAME


def test_items_share_no_file(item: Item, tmp_path: Path) -> None:
    others = [
        replace(item, name=name)
        for name in ("a", "sub/a", "sub_a", "Sub/a", "sub/a.json", "ü" * 90, "a/" * 60, "\udcff")
    ]
    paths = {Manifest(tmp_path, other).path for other in others}
    assert len(paths) == len(others)
    assert all(path.parent == tmp_path / FOLDER and len(path.name.encode()) < 200 for path in paths)


def test_a_run_that_was_killed_in_the_middle_leaves_outputs_that_are_claimed_and_not_finished(
    manifest: Manifest, item: Item
) -> None:
    making = manifest.making(manifest.run(RECIPE))
    making.__enter__()
    write(item)
    part = item.outputs[0].with_name(".a.glb.123.part")
    part.touch()  # and nothing comes after that
    assert manifest.finished(RECIPE) is None
    assert manifest.unclaimed() == []
    make(manifest, item)
    assert manifest.finished(RECIPE) == CAME
    assert not part.exists()


def test_a_failure_leaves_no_claim(manifest: Manifest, item: Item) -> None:
    with pytest.raises(TalkError, match="no luck"), manifest.making(manifest.run(RECIPE)):
        raise TalkError("no luck")
    assert not manifest.path.exists()
    write(item)
    assert len(manifest.unclaimed()) == 3


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"manifest": 1}', '{"manifest": 1, "runs": {}, "outputs": {"sub/a": 3}}']
)
def test_a_broken_manifest_claims_nothing(text: str, manifest: Manifest, item: Item) -> None:
    make(manifest, item)
    manifest.path.write_text(text)
    assert manifest.finished(RECIPE) is None
    assert manifest.unclaimed() == [item.outputs[0], item.outputs[1].parent, item.outputs[0].with_suffix(".wav")]


def test_a_manifest_of_a_later_version_is_told(manifest: Manifest, item: Item) -> None:
    make(manifest, item)
    manifest.path.write_text(manifest.path.read_text().replace('"manifest": 1', '"manifest": 2'))
    with pytest.raises(TalkError, match="has manifest format 2; this version reads 1: update talk"):
        manifest.unclaimed()


def test_a_folder_that_cannot_be_made_is_told(manifest: Manifest, item: Item, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").touch()
    with pytest.raises(TalkError, match=r"out/sub' cannot be made"):
        make(manifest, item)
