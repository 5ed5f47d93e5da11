"""From the cage to the skin's mesh: quads split chord by chord, charts evaluated, mirrored and wound outwards."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tools.head.cage import CHARTS, Cage, Quad, cage
from tools.head.maths import MIRROR, Array, Indices, Mask

PINNED = {"mouth": (0, 4), "lids": (0, 6), "ear": (1, 8)}  # rows that keep their place in the chart
FINE = 4  # pieces of an edge that nobody says otherwise about
Edge = tuple[str, str]


@dataclass
class Skin:
    """n vertices; the first half lie on the left side or the midline, the others mirror them."""

    v: Array  # (n, 3) mm
    quads: Indices  # (q, 4)
    chart: NDArray[np.str_]  # (n,)
    u: Array  # (n,)
    r: Array  # (n,)
    pinned: Mask  # (n,) keep their place
    middle: Mask  # (n,) on the midline
    half: int  # vertices of the left half
    mirror: Indices  # (half,) twin of each
    twin: Indices = field(repr=False)  # (n,)

    def of(self, *charts: str) -> Mask:
        return np.isin(self.chart, charts)


class _Splitter:
    """Gives every edge of the cage its vertices; opposite edges of a quad are split alike."""

    def __init__(self, c: Cage) -> None:
        self.parent: dict[Edge, Edge] = {}
        for quad in c.quads:
            a, b, d, e = quad.corners
            self.parent[self.chord(_key(a, b))] = self.chord(_key(d, e))
            self.parent[self.chord(_key(b, d))] = self.chord(_key(e, a))
        self.count = {self.chord(_key(*edge)): n for edge, n in c.splits.items()}
        self.points, self.vertices = c.points, list(c.points.values())
        self.place = {name: i for i, name in enumerate(c.points)}
        self.info: list[tuple[str, float, float] | None] = [None] * len(self.vertices)
        self.edges: dict[Edge, list[int]] = {}
        self.quads: list[tuple[int, ...]] = []

    def chord(self, edge: Edge) -> Edge:
        while self.parent.setdefault(edge, edge) != edge:
            edge = self.parent[edge]
        return edge

    def pieces(self, a: str, b: str) -> int:
        return self.count.get(self.chord(_key(a, b)), FINE)

    def new(self, point: Array) -> int:
        self.vertices.append(point)
        self.info.append(None)
        return len(self.vertices) - 1

    def between(self, a: str, b: str, pieces: int) -> list[int]:
        key = _key(a, b)
        if key not in self.edges:
            start, way = self.points[key[0]], self.points[key[1]] - self.points[key[0]]
            self.edges[key] = [self.new(start + way * t / pieces) for t in range(1, pieces)]
        return self.edges[key] if key[0] == a else self.edges[key][::-1]

    def split(self, quad: Quad) -> None:
        a, b, c, d = quad.corners
        n, m = self.pieces(a, b), self.pieces(b, c)
        g = np.zeros((n + 1, m + 1), int)
        g[0, 0], g[n, 0], g[n, m], g[0, m] = (self.place[k] for k in quad.corners)
        g[1:n, 0], g[n, 1:m] = self.between(a, b, n), self.between(b, c, m)
        g[1:n, m], g[0, 1:m] = self.between(d, c, n), self.between(a, d, m)
        corners = np.array([self.points[k] for k in quad.corners])
        for i in range(n + 1):
            for j in range(m + 1):
                s, t = i / n, j / m
                w = np.array([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t])
                if 0 < i < n and 0 < j < m:
                    g[i, j] = self.new(w @ corners)
                if quad.at is not None and quad.chart:
                    u, r = w @ np.array(quad.at, float)
                    self.info[g[i, j]] = (quad.chart, u, r)
                elif quad.chart and self.info[g[i, j]] is None:
                    self.info[g[i, j]] = (quad.chart, 0.0, 0.0)
        self.quads += [(g[i, j], g[i + 1, j], g[i + 1, j + 1], g[i, j + 1]) for i in range(n) for j in range(m)]


def _key(a: str, b: str) -> Edge:
    return (a, b) if a < b else (b, a)


def skin() -> Skin:
    """The skin before it is relaxed."""
    c = cage()
    splitter = _Splitter(c)
    for quad in c.quads:
        splitter.split(quad)
    v = np.array(splitter.vertices)
    chart, u, r = (np.array(x) for x in zip(*(i or ("", 0.0, 0.0) for i in splitter.info), strict=True))
    pinned = np.isin(chart, ("cap", "earcap", "nostrilcap")) | (chart == "nostril") & (r > 1e-6)
    for name, (low, high) in PINNED.items():
        inside = (chart == name) & (r > low - 1e-6) & (r < high + 1e-6)
        v[inside], pinned[inside] = CHARTS[name](u[inside], r[inside]), True
    return _mirrored(v, np.array(splitter.quads), chart, u, r, pinned)


def _mirrored(v: Array, quads: Indices, chart: NDArray[np.str_], u: Array, r: Array, pinned: Mask) -> Skin:
    half, right = len(v), np.flatnonzero(np.abs(v[:, 0]) > 1e-9)
    mirror = np.arange(half)
    mirror[right] = half + np.arange(len(right))
    v, quads = np.r_[v, v[right] * MIRROR], np.r_[quads, mirror[quads]]
    twin = np.arange(len(v))
    twin[:half], twin[mirror] = mirror, np.arange(half)

    def both(x: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([x, x[right]])

    middle = np.abs(v[:, 0]) < 1e-9
    return Skin(v, _oriented(quads, v), both(chart), both(u), both(r), both(pinned), middle, half, mirror, twin)


def edge_map(quads: Indices) -> dict[frozenset[int], list[int]]:
    """The quads at every edge."""
    edges: dict[frozenset[int], list[int]] = defaultdict(list)
    for i, quad in enumerate(quads):
        for a, b in zip(quad, np.roll(quad, -1), strict=True):
            edges[frozenset((int(a), int(b)))].append(i)
    return edges


def _oriented(quads: Indices, v: Array) -> Indices:
    """Consistent winding by flood fill, normals outwards.

    The first corner stays, so that both sides of the head are cut into triangles alike.
    """
    edges, quads, todo = edge_map(quads), quads.copy(), deque([0])
    seen = {0}
    while todo:
        i = todo.popleft()
        for a, b in zip(quads[i], np.roll(quads[i], -1), strict=True):
            for j in edges[frozenset((int(a), int(b)))]:
                if j not in seen:
                    if any(x == a and y == b for x, y in zip(quads[j], np.roll(quads[j], -1), strict=True)):
                        quads[j] = quads[j][[0, 3, 2, 1]]
                    seen.add(j)
                    todo.append(j)
    top = quads[np.flatnonzero((quads == np.argmax(v[:, 1])).any(1))[0]]
    inwards = np.cross(v[top[1]] - v[top[0]], v[top[2]] - v[top[0]])[1] < 0
    return quads[:, [0, 3, 2, 1]] if inwards else quads


def laplacian(quads: Indices, n: int) -> sp.csr_array:
    """Umbrella operator (n, n): mean of the neighbours minus the vertex."""
    e = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    e = np.r_[e, e[:, ::-1]]
    a = sp.coo_array((np.ones(len(e)), (e[:, 0], e[:, 1])), (n, n)).tocsr()
    a.data[:] = 1
    return sp.csr_array(sp.diags_array(1 / np.asarray(a.sum(1)).ravel()) @ a - sp.eye_array(n))
