"""The layout of the mesh: half a head of named points and quads, drawn by hand.

Loops: M mouth, E eye, Q the mask round eyes and mouth, W X Y Z U V S over the skull to the nape, B L neck; N D T I
nose. The coordinates only need to be near the surface: every point is pulled onto the sculpt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tools.head.charts.ear import ear
from tools.head.charts.lids import lids
from tools.head.charts.mouth import mouth
from tools.head.maths import Array
from tools.head.sculpt import project

POINTS = """
N0 0 22 100; N1 0 4 97.5; N2 0 -9 104; N3 0 -22 111; T 0 -35 121; I 0 -42.5 116; M0 0 -47 104; G0 10 23 98; D1 5 4 95
D2 6 -9 100; D3 7 -22 107; t2 7 -35 117; i2 4 -43 112.5; M1 4.2 -47 103; M2 12.5 -46.5 97.5; M3 19.5 -44 93
M4 37 -63 83; M5 34 -80 82; M6 24 -89 86; M7 12 -90 91; M8 0 -89 94; a1 11 -43 107; b1 16.5 -37 103; K1 15 -26 97
C1 27 -31 89; C2 45 -31 74; Q0 0 38 99; Q1 11 38 98; Q2 21 38 96; Q3 37 36 88; Q4 52 27 71; Q5 60 8 55; Q6 61 -14 50
Q7 57 -40 54; Q8 52 -62 51; Q9 45 -86 44; Q10 25 -107 58; Q11 0 -113 70; P4 43 -55 76; P5 42 -76 70; P6 29 -97 73
P7 14 -105 85; P8 0 -107 90; W0 0 68 89; W1 13 68 88; W2 26 66 85; W3 43 60 74; W4 59 45 52; W5 67 20 30; W6 67 -10 26
W7 63 -38 26; W8 56 -62 20; W9 48 -84 14; W10 26 -112 38; W11 0 -118 48; X0 0 97 55; X1 17 96 53; X2 34 91 48
X3 53 77 38; X4 67 56 22; X5 73 30 8; Y0 0 111 5; Y1 20 109 4; Y2 41 101 2; Y3 60 81 -2; Y4 71 56 -14; Y5 75 24 -26
Z0 0 99 -48; Z1 20 97 -47; Z2 40 89 -44; Z3 58 71 -42; Z4 68 42 -44; Z5 72 -2 -38; U0 0 64 -80; U1 19 62 -78
U2 37 55 -73; U3 53 40 -66; U4 63 12 -55; U5 64 -34 -32; V0 0 20 -88; V1 18 18 -86; V2 33 10 -78; V3 45 -8 -67
V4 53 -28 -52; V5 54 -56 -34; S0 0 -32 -68; S1 15 -34 -66; S2 29 -40 -61; S3 40 -52 -52; S4 47 -70 -38; B1 58 -58 -2
B2 51 -82 -14; B3 43 -104 8; L10 24 -122 28; L11 0 -127 36"""
QUADS = """
Q0 Q1 G0 N0; Q1 Q2 E1 G0; Q2 Q3 E2 E1; Q3 Q4 E3 E2; Q4 Q5 E4 E3; Q5 Q6 E5 E4; N0 G0 D1 N1; N1 D1 D2 N2; N2 D2 D3 N3
N3 D3 t2 T; T t2 i2 I; I i2 M1 M0; t2 b1 a1 i2; b1 M3 M2 a1; G0 E1 E0 D1; D1 E0 E7 D2; D2 E7 K1 D3; D3 K1 b1 t2
K1 C1 M3 b1; E7 E6 C1 K1; C1 E6 E5 C2; C2 E5 Q6 Q7; C1 C2 Q7 P4; M3 C1 P4 M4; M4 P4 P5 M5; P4 Q7 Q8 P5; M5 P5 P6 M6
P5 Q8 Q9 P6; M6 P6 P7 M7; P6 Q9 Q10 P7; M7 P7 P8 M8; P7 Q10 Q11 P8; W7 B1 B2 W8; B1 U5 V5 B2; W8 B2 B3 W9
W9 B3 L10 W10; W10 L10 L11 W11; S3 S4 V4 V3; S4 B2 V5 V4"""
STRIPS = "QW12 WX6 XY6 YZ6 ZU6 UV6 VS4"  # letters of two loops and how many points they share side by side
EAR_LOOP = ["W5", "W6", "W7", "B1", "U5", "Z5", "Y5", "X5"]
NECK_LOOP = ["L11", "L10", "B3", "B2", "S4", "S3", "S2", "S1", "S0"]
NOSTRIL = ["i2", "a1", "M2", "M1"]
NECK_END = -180.0

Chart = Callable[[Array, Array], Array]
Name = Callable[[int, int], str]
CHARTS: dict[str, Chart] = {"mouth": mouth, "lids": lids, "ear": ear}


@dataclass(frozen=True)
class Quad:
    """Four named corners, the chart they belong to ("" for the sculpt) and their (u, r) there."""

    corners: tuple[str, str, str, str]
    chart: str = ""
    at: tuple[tuple[float, float], ...] | None = None


@dataclass
class Cage:
    """points by name, quads, and into how many pieces some edges are split; opposite edges follow."""

    points: dict[str, Array] = field(default_factory=dict)
    quads: list[Quad] = field(default_factory=list)
    splits: dict[tuple[str, str], int] = field(default_factory=dict)

    def chart(self, chart: str, name: Name, columns: int, first: int, last: int) -> None:
        """Points of rows first to last from a chart."""
        r, u = (np.array(x, float).ravel() for x in np.meshgrid(range(first, last + 1), range(columns), indexing="ij"))
        self.points.update({name(int(b), int(a)): x for b, a, x in zip(r, u, CHARTS[chart](u, r), strict=True)})

    def rings(self, chart: str, name: Name, columns: int, splits: list[int]) -> None:
        """Rings of quads, one for every entry of splits, which says how fine the ring is across."""
        for r, split in enumerate(splits):
            for u in range(columns):
                corners = (name(r, u), name(r, u + 1), name(r + 1, u + 1), name(r + 1, u))
                self.quads.append(Quad(corners, chart, ((u, r), (u + 1, r), (u + 1, r + 1), (u, r + 1))))
            self.splits[name(r, 0), name(r + 1, 0)] = split


def _words(text: str) -> list[list[str]]:
    return [words for part in text.replace("\n", ";").split(";") if (words := part.split())]


def cage() -> Cage:
    """The left half of the head."""
    c = Cage({w[0]: np.array(w[1:], float) for w in _words(POINTS)})
    strips = [
        [f"{s[0]}{i}", f"{s[0]}{i + 1}", f"{s[1]}{i + 1}", f"{s[1]}{i}"]
        for s in STRIPS.split()
        for i in range(int(s[2:]) - 1)
    ]
    c.quads += [Quad((w[0], w[1], w[2], w[3])) for w in _words(QUADS) + strips]
    _mouth(c)
    _eye(c)
    _ear(c)
    _nostril(c)
    _neck(c)
    c.splits.update({(a + "0", b + "0"): 3 for a, b in ("WX", "XY", "YZ", "ZU", "VS")})
    own = [n for n in c.points if ("_" not in n and n[0] not in "Ec") or n[:2] in ("m5", "k0", "k1")]
    for n, x in zip(own, project([c.points[n] for n in own], 8), strict=True):
        c.points[n] = x * [c.points[n][0] != 0, 1, 1]
    return c


def _mouth(c: Cage) -> None:
    def name(r: int, u: int) -> str:
        return f"M{u}" if r == 6 else f"m{r}_{u}"

    c.chart("mouth", name, 9, 0, 4)
    c.rings("mouth", name, 8, [2, 2, 4, 5, 3, 3])
    c.points.update({f"m5_{u}": (c.points[f"m4_{u}"] + c.points[f"M{u}"]) / 2 for u in range(9)})
    for k in range(4):  # the back wall of the mouth
        c.points[f"c{k}"] = (c.points[f"m0_{k}"] + c.points[f"m0_{8 - k}"]) / 2 - [0, 0, 5.0]
    for k in range(3):
        c.quads.append(Quad((f"m0_{k}", f"m0_{k + 1}", f"c{k + 1}", f"c{k}"), "cap"))
        c.quads.append(Quad((f"c{k}", f"c{k + 1}", f"m0_{7 - k}", f"m0_{8 - k}"), "cap"))
    c.quads.append(Quad(("m0_3", "m0_4", "m0_5", "c3"), "cap"))


def _eye(c: Cage) -> None:
    def name(r: int, u: int) -> str:
        return f"E{u % 8}" if r == 6 else f"e{r}_{u % 8}"

    c.chart("lids", name, 8, 0, 6)
    c.rings("lids", name, 8, [1, 1, 2, 3, 2, 2])


def _ear(c: Cage) -> None:
    def name(r: int, u: int) -> str:
        return EAR_LOOP[u % 8] if r == 0 else f"a{r}_{u % 8}"

    c.chart("ear", name, 8, 1, 8)
    c.rings("ear", name, 8, [2, 2, 2, 1, 1, 2, 1, 1])
    for a, b, d, e in ((0, 1, 2, 3), (0, 3, 4, 7), (7, 4, 5, 6)):
        c.quads.append(Quad((name(8, a), name(8, b), name(8, d), name(8, e)), "earcap"))


def _nostril(c: Cage) -> None:
    center = sum((c.points[k] for k in NOSTRIL), np.zeros(3)) / 4
    for j, k in enumerate(NOSTRIL):
        c.points[f"n1_{j}"] = center + (c.points[k] - center) * 0.62 + [0, 0.8, -0.3]
        c.points[f"n2_{j}"] = center + (c.points[k] - center) * 0.5 + [-0.5, 8, -2]
    c.rings("nostril", lambda r, u: NOSTRIL[u % 4] if r == 0 else f"n{r}_{u % 4}", 4, [1, 2])
    c.quads.append(Quad(("n2_0", "n2_1", "n2_2", "n2_3"), "nostrilcap"))


def _neck(c: Cage) -> None:
    for j, y in enumerate((-148, NECK_END - 2)):
        for k in range(9):
            a = np.pi * k / 8
            bow = 8 * np.cos(a) if j == 0 else 0
            c.points[f"k{j}_{k}"] = np.array([52 * np.sin(a), y + bow, -22 + 52 * np.cos(a) - 8 * j])
    c.rings("", lambda r, u: NECK_LOOP[u] if r == 0 else f"k{r - 1}_{u}", 8, [3, 3])
