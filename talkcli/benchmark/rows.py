"""What the benchmark compares: methods, their ablations, and their plug-ins."""

from __future__ import annotations

from dataclasses import dataclass

from talkcli.evaluate.predictions import Phones


@dataclass(frozen=True)
class Row:
    """A method with what differs from its benchmark preset, and what that means.

    In overrides {seed} is the run's, and {runs} the folder of all runs: another row's model of the same seed is there,
    which after names. phones are who tells the keys when it is judged; run is the row whose model it is, its own by
    default.
    """

    method: str
    overrides: tuple[str, ...] = ()
    about: str = ""
    after: str = ""
    phones: Phones = "head"
    run: str = ""


def _plugged(host: str, mode: str) -> Row:
    """KMTalk's learning scheme on another row's model."""
    settings = (f"model.host.source={{runs}}/{host}-{{seed}}", f"model.host.mode={mode}")
    how = "its motion at the keys" if mode == "posthoc" else "asked for the keys alone"
    return Row("kmtalk", settings, f"{host} completed by KMTalk: {how}", after=host)


def _told(phones: Phones, about: str) -> Row:
    """The models of the row kmtalk, whose keys somebody else tells."""
    return Row("kmtalk", about=f"the same models, {about}", phones=phones, run="kmtalk")


def _dual_rows() -> dict[str, Row]:
    """DualTalker with and without its dual task at all, half and a quarter of the data, its parts, and its hosts."""
    rows = {
        "dualtalker": Row("dualtalker", about="with lip reading as the dual task"),
        "dualtalker-single": Row("dualtalker", ("dual.on=false",), "the animation branch alone"),
    }
    for share, name in ((0.5, "half"), (0.25, "quarter"), (0.02, "few")):
        data = f"data.share={share}"
        rows[f"dualtalker-{name}"] = Row("dualtalker", (data,), f"from {share:.0%} of the clips")
        rows[f"dualtalker-single-{name}"] = Row("dualtalker", ("dual.on=false", data), f"alone, from {share:.0%}")
    for change, about in (
        ("dual.consistency_weight=0", "no-consistency"),
        ("dual.duality_weight=0", "no-duality"),
        ("dual.duality=repr", "no-cycle"),
        ("dual.consistency=nce", "nce"),
        ("model.tie_motion=true", "tied"),
        ("dual.reader.share_decoder=true", "one-decoder"),
    ):
        rows[f"dualtalker-{about}"] = Row("dualtalker", (change,), change)
    rows["dualtalker-ar"] = Row("dualtalker", ("model.decoder=ar",), "frame by frame, as FaceFormer")
    for host in ("faceformer", "selftalk", "kmtalk"):
        rows[f"{host}+dual"] = Row(host, ("dual.on=true",), f"{host} with the dual task")
    return rows


# To add a method, an ablation or a plug-in: its line here.
ROWS: dict[str, Row] = {
    "faceformer": Row("faceformer", about="fed with recorded frames in training"),
    "selftalk": Row("selftalk", about="with the lip-reading losses"),
    "selftalk-no-lip-reading": Row(
        "selftalk", ("model.latent_weight=0", "model.ctc_weight=0"), "without the latent and the CTC loss"
    ),
    "kmtalk": Row("kmtalk", about="keys where its own phone head hears phones begin and end"),
    "kmtalk-known-phones": _told("data", "with the true times of phones"),
    "kmtalk-shifted-keys": _told("shifted", "with the true times, each a frame early or late"),
    "kmtalk-random-keys": _told("random", "with as many times anywhere"),
    "kmtalk-staged": Row("kmtalk", ("model.schedule=staged",), "keys alone, completion alone, then both"),
    "kmtalk-uniform-keys": Row("kmtalk", ("model.keys.source=uniform",), "nine keys a second wherever they fall"),
    "kmtalk-no-key-decoder": Row("kmtalk", ("model.key_layers=0",), "keys from the sound of their own frame"),
    "kmtalk-no-audio": Row("kmtalk", ("model.completion_audio=false",), "completion without the sound"),
    "faceformer+kmtalk": _plugged("faceformer", "posthoc"),
    "selftalk+kmtalk": _plugged("selftalk", "posthoc"),
    "faceformer+kmtalk-native": _plugged("faceformer", "native"),
    "selftalk+kmtalk-native": _plugged("selftalk", "native"),
    **_dual_rows(),
}
