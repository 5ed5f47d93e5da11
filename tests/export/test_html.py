"""A page holds the head, its motion and its sound, shows them as a video would, and lets no name become a script."""

from __future__ import annotations

import io
import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.clip import Audio, MotionClip, Topology
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, html, write
from talkcli.export.viewing import pack
from talkcli.head import CONTROLS, load_head
from talkcli.render import open_renderer
from tests.export.browser import found, needs_browser, screenshot
from tests.export.make_clips import make_chunks

RATE = 16000
FPS = 30.0
BARE = "#bar, #start, #caption { display: none !important }"  # the picture alone


def block(page: str, name: str) -> str:
    """What the page keeps under a name."""
    match = re.search(f'<script type="[^"]*" id="{name}">([^<]*)</script>', page)
    assert match
    return match[1]


def about(page: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(block(page, "about"))
    return told


def make_talk(opening: list[float], sound: bool = True) -> Iterator[MotionClip]:
    """The packaged head with its jaw open so far in each frame; the sound clicks at half a second."""
    head = load_head()
    values = np.zeros((len(opening), len(CONTROLS)), np.float32)
    values[:, CONTROLS.index("jawOpen")] = opening
    samples = np.zeros(round(len(opening) / FPS * RATE), np.float32)
    samples[RATE // 2 : RATE // 2 + 32] = 0.9
    yield MotionClip(
        head.pose(values),
        head.template,
        head.topology,
        FPS,
        Audio(samples, RATE) if sound else None,
        subject="sam",
        colors=head.subject_colors("sam"),
    )


@pytest.fixture(scope="module")
def talk_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of speech: the mouth is closed for the first half and open for the second."""
    path = tmp_path_factory.mktemp("page") / "face.html"
    write(make_talk([0.0] * 15 + [0.8] * 15), path)
    return path


def test_arrays_come_back_from_their_packing() -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {
        "u1": rng.integers(0, 256, (5, 4), np.uint8),
        "u4": rng.integers(0, 2**32, 7, np.uint32),
        "i2": np.array([[-32768, 32767, 0], [1, -1, 5]], np.int16),
        "none": np.zeros((0, 3), np.uint16),
    }
    headers, data = pack(arrays)
    rest = zlib.decompress(data)
    for header, array in zip(headers, arrays.values(), strict=True):
        kind = np.dtype(f"<{header['type']}")
        planes = np.frombuffer(rest[: array.nbytes], np.uint8).reshape(kind.itemsize, -1)
        coded = np.ascontiguousarray(planes.T).view(f"<u{kind.itemsize}").ravel()
        steps = (coded >> 1) ^ (-(coded & 1).astype(f"i{kind.itemsize}")).view(coded.dtype)
        assert (np.cumsum(steps, dtype=coded.dtype).astype(kind).reshape(array.shape) == array).all()
        rest = rest[array.nbytes :]
    assert not rest


def test_the_sound_is_inside_and_begins_on_time(talk_page: Path) -> None:
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(b64decode(block(talk_page.read_text(), "sound"))))
    click = np.flatnonzero(np.abs(samples) > 0.3)[0] / rate
    assert (rate, click) == (48000, pytest.approx(0.5, abs=0.003))


def test_a_page_of_a_second_is_small_and_asks_the_network_for_nothing(talk_page: Path) -> None:
    page = talk_page.read_text()
    assert len(page) < 200_000
    assert "default-src 'none'" in page
    assert not re.search(
        r"https?://|//[a-z]+\.[a-z]", page.replace(block(page, "data"), "").replace(block(page, "sound"), "")
    )


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{script}} & \"'"]
)
def test_names_stay_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "face.html"
    clips = (replace(c, subject=name, model=name, topology=replace(c.topology, name=name)) for c in make_chunks([1]))
    write(clips, path)
    page = path.read_text()
    assert page.count("<script") == 4
    assert "<img" not in page
    assert about(page)["subject"] == about(page)["model"] == about(page)["head"] == name


def test_what_cannot_be_shown_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "face.html"
    bare = Topology("dots", 3, np.zeros((0, 3), np.int32))
    dots = MotionClip(np.zeros((2, 3, 3), np.float32), np.zeros((3, 3), np.float32), bare, FPS)
    with pytest.raises(TalkError, match="'dots' has no triangles"):
        write([dots], path)
    with pytest.raises(TalkError, match="holds 60 minutes"):
        write(make_chunks([4]), path, total=4_000_000)
    assert not list(tmp_path.iterdir())


def test_a_clip_that_turns_out_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LONGEST", 0.3)
    with pytest.raises(TalkError, match=r"write \.mp4"):
        write(make_chunks([5, 5]), tmp_path / "face.html")
    assert not list(tmp_path.iterdir())


def test_views_without_lips_and_backgrounds_are_told(tmp_path: Path) -> None:
    path = tmp_path / "face.html"
    chunks = [replace(chunk, topology=replace(chunk.topology, regions={})) for chunk in make_chunks([3], audio=False)]
    write(chunks, path, ExportOptions(background="#336699"))
    told = about(path.read_text())
    assert list(told["views"]["named"]) == ["front", "three-quarter", "profile"]
    assert told["backgrounds"]["dark"] == told["backgrounds"]["light"] == [[51, 102, 153]] * 2
    assert block(path.read_text(), "sound") == ""


# -- in a browser ----------------------------------------------------------------------------------------------------


@needs_browser
def test_the_page_shows_what_a_video_shows(talk_page: Path) -> None:
    head = load_head()
    clip = next(make_talk([0.0, 0.8]))
    shown = [screenshot(talk_page, address=f"t={time}&theme=dark", style=BARE) for time in (0.2, 0.8)]
    look = {"size": (480, 480), "renderer": "software", "colors": clip.colors}
    with open_renderer(head.topology, head.template, **look) as renderer:
        wanted = [renderer.image(vertices) for vertices in clip.vertices]
    for picture, video in zip(shown, wanted, strict=True):
        off = np.abs(picture.astype(int) - video)
        assert off.mean() < 2
        assert np.percentile(off, 99) < 24
    moved = np.abs(shown[1].astype(int) - shown[0]).max(2) > 40
    assert moved[300:420, 180:300].mean() > 0.05  # the mouth
    assert moved[:200].mean() < 0.001  # the forehead


SCRIPT = """
const page = await opened; // frames are not waited for: in virtual time they hardly come
const show = (now = performance.now()) => (page.show(now), byId("time").firstChild.textContent.split(" ")[0]);
const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
"""


@needs_browser
@pytest.mark.parametrize("size", ["1280,720", "390,844"])
def test_the_controls_fit_a_desk_and_a_telephone_and_have_names(talk_page: Path, size: str) -> None:
    outside, nameless, below = found(
        talk_page,
        SCRIPT
        + """const all = [...document.querySelectorAll("#bar button, #bar select, #bar input")];
        const boxes = all.map((each) => each.getBoundingClientRect());
        return [boxes.filter((box) => box.left < 0 || box.right > innerWidth || box.bottom > innerHeight).length,
          all.filter((each) => !each.getAttribute("aria-label")).map((each) => each.id),
          page.canvas.clientHeight / innerHeight];""",
        f"--window-size={size}",
    )
    assert (outside, nameless) == (0, [])
    assert below > 0.7


@needs_browser
def test_keys_step_jump_and_switch(talk_page: Path) -> None:
    seen = found(
        talk_page,
        SCRIPT
        + """const times = [];
        const keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "PageUp", "PageDown", "Home"];
        for (const key of keys) {
          press(key);
          times.push(show());
        }
        for (const key of ["3", "w", "l", ".", "t", "+", "?"]) press(key);
        return [times, byId("view").value, byId("wires").ariaPressed, byId("loop").ariaPressed, byId("speed").value,
          byId("keys").open, byId("message").hidden];""",
    )
    steps = ["0:00.03", "0:00.06", "0:00.03", "0:00.96", "0:00.96", "0:00.00", "0:01.00", "0:00.00"]
    assert seen == [steps, "profile", "true", "true", "1.5", True, True]


@needs_browser
def test_a_clip_without_sound_plays_by_the_clock_and_loops(tmp_path: Path) -> None:
    write(make_talk([0.0] * 30, sound=False), tmp_path / "face.html")
    seen = found(
        tmp_path / "face.html",
        SCRIPT
        + """byId("start").click();
        const { player } = page, half = show(player.at + 500), label = byId("play").ariaLabel;
        const end = show(player.at + 600), stopped = (show(), byId("play").ariaLabel);
        press("l");
        press(" ");
        show(player.at + 900);
        return [half, label, end, stopped, show(player.at + 300), show(player.at + 300), byId("play").ariaLabel,
          byId("mute").hidden];""",
    )
    assert seen == ["0:00.50", "Pause", "0:01.00", "Play", "0:00.00", "0:00.30", "Pause", True]


@needs_browser
def test_the_picture_keeps_to_the_clock_of_the_sound(talk_page: Path) -> None:
    """A sound that begins late, tells its time in coarse steps, stalls, is moved, and at last stops for good."""
    worst, backwards, held, jumped, message, after = found(
        talk_page,
        SCRIPT
        + """const sound = { currentTime: 0, addEventListener() {}, pause() {}, play: async () => {} };
        const player = new Player(sound, 60, () => {});
        player.play();
        let now = player.at, before = 0, worst = 0, backwards = 0;
        const run = (from, seconds, rate) => {
          for (let t = 0; t < seconds; t += 1 / 60) {
            now += 1000 / 60;
            const real = from + rate * t;
            sound.currentTime = Math.floor(real / 0.04) * 0.04;
            const shown = player.tick(now);
            worst = Math.max(worst, Math.abs(shown - real));
            backwards += shown < before;
            before = shown;
          }
        };
        run(0, 0.3, 0);
        run(0, 5, 1);
        run(5, 0.5, 0);
        const held = before;
        run(5, 5, 1);
        player.seek(30);
        run(30, 1, 1);
        const jumped = before, kept = worst;
        run(31, 2.5, 0);
        const { textContent } = byId("message");
        player.tick(now + 1000);
        return [kept, backwards, held, jumped, textContent, player.time - 31];""",
    )
    assert worst < 0.1
    assert backwards == 0
    assert held == pytest.approx(5, abs=0.1)
    assert jumped == pytest.approx(31, abs=0.1)
    assert "does not play here" in message
    assert after > 0.9


@needs_browser
def test_the_browser_takes_off_what_the_encoder_put_before_the_sound(talk_page: Path) -> None:
    begins, length, posed = found(
        talk_page,
        SCRIPT
        + """let decoded, failed;
        new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytesOf("sound").buffer)
          .then((sound) => (decoded = sound), (error) => (failed = error));
        while (!decoded && !failed)  // the page's clock stands still while it reads, and not while it waits
          await new Response(new Blob([new Uint8Array(1e5)]).stream()).arrayBuffer();
        if (failed) throw failed;
        const told = JSON.parse(byId("about").textContent);
        const head = new Head(told, await readArrays(told.arrays));
        head.pose(20);
        return [decoded.getChannelData(0).findIndex((value) => Math.abs(value) > 0.3) / 48000, decoded.duration,
          [...head.positions.slice(0, 3 * head.own)]];""",
    )
    assert begins == pytest.approx(0.5, abs=0.003)
    assert length == pytest.approx(1, abs=0.002)
    wanted = next(make_talk([0.8])).vertices[0]
    assert np.linalg.norm(np.reshape(posed, (-1, 3)) - wanted, axis=1).max() < 1e-4


@needs_browser
def test_without_webgl_the_page_says_so(talk_page: Path) -> None:
    script = "return opened.catch(async () => [byId('message').textContent, byId('bar').hidden])"
    told, hidden = found(talk_page, script, "--disable-3d-apis")
    assert "needs WebGL 2" in told
    assert hidden
