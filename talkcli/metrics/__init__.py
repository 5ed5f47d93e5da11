"""The table of metrics. To add one: its function, its line here, its row in docs/metrics.md."""

from __future__ import annotations

from talkcli.metrics import speech, vertices
from talkcli.metrics.base import Metric, Pair, Settings

__all__ = ["METRICS", "Metric", "Pair", "Settings"]

_LIPS, _UPPER, _ALL, _MOUTH = "lips", "upper_face", "all vertices", "inner lips"
_FRAMES, _CLIPS = "frames", "clips"

METRICS: dict[str, Metric] = {
    "lve": Metric("LVE, squared", "{u}²", _LIPS, "lower", _FRAMES, "CodeTalker", vertices.lve),
    "lve_clip": Metric("LVE, squared, by clip", "{u}²", _LIPS, "lower", _CLIPS, "DiffSpeaker", vertices.lve_clip),
    "lve_root": Metric("LVE, rooted", "{u}", _LIPS, "lower", _FRAMES, "FaceFormer", vertices.lve_root),
    "lve_root_clip": Metric("LVE, rooted, by clip", "{u}", _LIPS, "lower", _CLIPS, "UniTalker", vertices.lve_root_clip),
    "lve_meshtalk": Metric("LVE, rooted, centred", "{u}", _LIPS, "lower", _FRAMES, "MeshTalk", vertices.lve_meshtalk),
    "lip_distance_mm": Metric("lip distance", "mm", _LIPS, "lower", _FRAMES, "talk", vertices.lip_distance_mm),
    "lrp": Metric("LRP", "%", _LIPS, "higher", _FRAMES, "after SelfTalk", vertices.lrp),
    "mve": Metric("MVE", "{u}", _ALL, "lower", _FRAMES, "FaceDiffuser", vertices.mve),
    "mve_clip": Metric("MVE, by clip", "{u}", _ALL, "lower", _CLIPS, "FaceDiffuser", vertices.mve_clip),
    "fdd": Metric("FDD, signed", "{u}²", _UPPER, "nearer 0", _CLIPS, "CodeTalker", vertices.fdd),
    "fdd_abs": Metric("FDD, absolute", "{u}²", _UPPER, "lower", _CLIPS, "FaceDiffuser", vertices.fdd_abs),
    "velocity": Metric("velocity error", "{u}²/frame²", _ALL, "lower", _FRAMES, "SelfTalk's loss", vertices.velocity),
    "jerk": Metric("jerk, less target's", "{u}/s³", _LIPS, "nearer 0", _FRAMES, "talk", vertices.jerk),
    "beat_alignment": Metric(
        "beat alignment", "", _ALL, "higher", _CLIPS, "after DiffPoseTalk", vertices.beat_alignment
    ),
    "mod_mm": Metric("MOD", "mm", _MOUTH, "lower", _FRAMES, "after DiffPoseTalk", speech.mouth_opening_mm),
    "opening_correlation": Metric(
        "opening correlation", "", _MOUTH, "higher", _CLIPS, "talk", speech.opening_correlation
    ),
    "lag_ms": Metric("lag behind target", "ms", _MOUTH, "nearer 0", _CLIPS, "talk", speech.lag_ms),
    "opening_dtw_mm": Metric("opening, warped", "mm", _MOUTH, "lower", _FRAMES, "talk", speech.opening_dtw_mm),
    "closure_recall": Metric(
        "p, b, m closed", "%", _MOUTH, "higher", "phones", "talk", speech.closure_recall, "product"
    ),
    "closure_precision": Metric(
        "closures asked for", "%", _MOUTH, "higher", "closures", "talk", speech.closure_precision, "product"
    ),
    "false_closures": Metric(
        "open vowels closed", "%", _MOUTH, "lower", "phones", "talk", speech.false_closures, "product"
    ),
    "articulation": Metric("articulation", "", _MOUTH, "higher", _CLIPS, "talk", speech.articulation, "product"),
    "articulation_lag_ms": Metric(
        "lag behind phones", "ms", _MOUTH, "nearer 0", _CLIPS, "talk", speech.articulation_lag_ms, "product"
    ),
    "stillness": Metric("opening in silence", "", _MOUTH, "lower", _CLIPS, "talk", speech.stillness, "product"),
    "readability": Metric("readability", "", _LIPS, "higher", "spoken frames", "talk", speech.readability, reader=True),
    "readability_gap": Metric(
        "readability, less target's",
        "",
        _LIPS,
        "nearer 0",
        "spoken frames",
        "talk",
        speech.readability_gap,
        reader=True,
    ),
}
