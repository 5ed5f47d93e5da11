"""The software renderer's kernels: project, find the nearest triangle of each sample, shade each pixel.

Triangles are drawn over a still layer (software.py), a picture and its keys, and only what they change is shaded.
Visibility is decided at 2 x 2 samples a pixel. A pixel that one smooth surface covers is shaded once, at its middle;
on an outline, or where materials meet, each of its triangles is shaded and the colours are averaged.
Shape letters: V vertices, F triangles, M materials, H, W the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints
from talkcli.render.compiled import compiled

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]

LANES = 4  # samples of a row filled at a time
ID_BITS = 24  # of a key, for the triangle's number
ID_MASK = (1 << ID_BITS) - 1
NEAREST = 2.0**37  # 1 / depth of the head's nearest point at rest as a whole number
STEEPEST = 2.0**62
TOO_CLOSE = 3.0  # times nearer than the head at rest, and nothing is drawn; keys hold up to 4
LEVELS = 8192  # of light, a step of the tone table each, from 0 to 1
SMOOTH = 0.012  # relative difference of depth within a pixel up to which one surface is assumed


@compiled
def differ(vertices: Floats, rest: Floats, ignored: NDArray[np.bool_]) -> bool:
    """Whether vertices (V, 3) are elsewhere than at rest, those that are ignored (V,) aside."""
    for i in range(vertices.shape[0]):
        same = vertices[i, 0] == rest[i, 0] and vertices[i, 1] == rest[i, 1] and vertices[i, 2] == rest[i, 2]
        if not (same or ignored[i]):
            return True
    return False


@compiled
def project(
    vertices: Floats, eye: Doubles, axes: Doubles, scale: float, width: int, height: int, limit: float, points: Floats
) -> None:
    """points (V, 3): x and y in samples, and 1 / depth, 0 where that is above the limit or behind the camera."""
    for i in range(vertices.shape[0]):
        x, y, z = vertices[i, 0] - eye[0], vertices[i, 1] - eye[1], vertices[i, 2] - eye[2]
        depth = -(axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z)
        near = 1 / depth if depth * limit > 1 else 0.0
        px = width / 2 + (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) * scale * near
        py = height / 2 - (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) * scale * near
        points[i, 0], points[i, 1], points[i, 2] = px, py, near


@compiled
def touched_box(points: Floats, faces: Ints, chosen: Ints, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that the chosen triangles can touch, all even."""
    left, top, right, bottom = float(width), float(height), 0.0, 0.0
    for n in range(chosen.shape[0]):
        for k in range(3):
            i = faces[chosen[n], k]
            x, y = points[i, 0] / 2, points[i, 1] / 2
            if points[i, 2] > 0 and x - x + y - y == 0:  # a number
                left, right = min(left, max(x, 0.0)), max(right, min(x, float(width)))
                top, bottom = min(top, max(y, 0.0)), max(bottom, min(y, float(height)))
    left_, top_ = int(left) // 2 * 2, int(top) // 2 * 2
    return left_, top_, min(int(right) // 2 * 2 + 2, width), min(int(bottom) // 2 * 2 + 2, height)


@compiled
def vertex_normals(vertices: Floats, faces: Ints, axes: Doubles, normals: Floats) -> None:
    """normals (V, 3): unit, in camera axes, mean of the triangles round a vertex weighted by their area."""
    normals[:] = 0
    for i in range(faces.shape[0]):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        x0, y0, z0 = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - x0, vertices[b, 1] - y0, vertices[b, 2] - z0
        vx, vy, vz = vertices[c, 0] - x0, vertices[c, 1] - y0, vertices[c, 2] - z0
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if not 0 < length < 1e18:  # no triangles, or no numbers
            x, y, z, length = 0.0, 0.0, 1.0, 1.0
        scale = 1 / length
        for k in range(3):
            normals[i, k] = (axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z) * scale


@compiled
def sort_into_bands(chosen: Ints, points: Floats, faces: Ints, height: int, bands: int) -> tuple[Ints, Ints]:
    """Chosen front faces by the bands of height samples they touch: starts (bands + 1,) and the faces in that order."""
    starts = np.zeros(bands + 1, np.int32)
    spans = np.empty((chosen.shape[0], 2), np.int32)
    for i in range(chosen.shape[0]):
        a, b, c = faces[chosen[i], 0], faces[chosen[i], 1], faces[chosen[i], 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x2 - x0) * (y1 - y0) - (x1 - x0) * (y2 - y0)
        spans[i, 0], spans[i, 1] = 0, -1
        if 1e-6 < area < 1e12 and min(points[a, 2], min(points[b, 2], points[c, 2])) > 0:  # not for what is no number
            spans[i, 0] = int(max(np.ceil(min(y0, min(y1, y2)) - 0.5), 0.0)) // height
            spans[i, 1] = min(int(max(np.floor(max(y0, max(y1, y2)) - 0.5), -1.0) + height) // height, bands) - 1
        for band in range(spans[i, 0], spans[i, 1] + 1):
            starts[band + 1] += 1
    for band in range(bands):
        starts[band + 1] += starts[band]
    order, free = np.empty(starts[bands], np.int32), starts.copy()
    for i in range(chosen.shape[0]):
        for band in range(spans[i, 0], spans[i, 1] + 1):
            order[free[band]] = chosen[i]
            free[band] += 1
    return starts, order


@compiled
def fill(chosen: Ints, points: Floats, faces: Ints, first: int, scale: float, keys: Longs) -> None:
    """Draws the chosen triangles into a band of samples that begins at row first.

    A key is 1 / depth times scale, as a whole number, above the triangle's number: the greater is the nearer.
    """
    height, width = keys.shape[0], keys.shape[1] - LANES
    for n in range(chosen.shape[0]):
        i = chosen[n]
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        x0, y0, z0 = float(points[a, 0]), float(points[a, 1]), float(points[a, 2])
        x1, y1, z1 = float(points[b, 0]), float(points[b, 1]), float(points[b, 2])
        x2, y2, z2 = float(points[c, 0]), float(points[c, 1]), float(points[c, 2])
        left = int(max(np.ceil(min(x0, min(x1, x2)) - 0.5), 0.0))
        right = int(min(np.floor(max(x0, max(x1, x2)) - 0.5), width - 1.0))
        top = int(max(np.ceil(min(y0, min(y1, y2)) - 0.5), float(first)))
        bottom = int(min(np.floor(max(y0, max(y1, y2)) - 0.5), first + height - 1.0))
        if left > right or top > bottom:
            continue
        area = (x2 - x0) * (y1 - y0) - (x1 - x0) * (y2 - y0)
        # each edge is a number that is >= 0 inside, and falls by (x, y) from a sample to its right or lower neighbour
        x, y = left + 0.5, top + 0.5
        ax, ay, bx, by, cx, cy = y0 - y1, x1 - x0, y1 - y2, x2 - x1, y2 - y0, x0 - x2
        ae, be = -(ay * (y - y0) + ax * (x - x0)), -(by * (y - y1) + bx * (x - x1))
        ce = -(cy * (y - y2) + cx * (x - x2))
        ar, br, cr = 1 / ax, 1 / bx, 1 / cx  # infinite for level edges, which end no row
        zx = ((z1 - z0) * (y0 - y2) + (z2 - z0) * (y1 - y0)) / area
        zy = ((z1 - z0) * (x2 - x0) + (z2 - z0) * (x0 - x1)) / area
        z_row = z0 + zx * (x - x0) + zy * (y - y0)
        step = np.int64(min(max(zx * scale, -STEEPEST), STEEPEST)) << ID_BITS
        for row in range(top - first, bottom - first + 1):
            low, high = 0.0, float(right - left)
            if ax < 0:
                low = max(low, ae * ar)
            elif ax > 0:
                high = min(high, ae * ar)
            elif ae < 0:
                high = -1.0
            if bx < 0:
                low = max(low, be * br)
            elif bx > 0:
                high = min(high, be * br)
            elif be < 0:
                high = -1.0
            if cx < 0:
                low = max(low, ce * cr)
            elif cx > 0:
                high = min(high, ce * cr)
            elif ce < 0:
                high = -1.0
            begin, end = left + int(np.ceil(low)), left + int(np.floor(high))
            key = (np.int64((z_row + zx * (begin - left)) * scale) << ID_BITS) + i
            for column in range(begin, end + 1, LANES):
                for lane in range(LANES):  # without a branch: most rows are a few samples long
                    mine = key if column + lane <= end else np.int64(0)
                    keys[row, column + lane] = max(keys[row, column + lane], mine)
                    key += step
            ae -= ay
            be -= by
            ce -= cy
            z_row += zy


@compiled
def seen_faces(points: Floats, faces: Ints, scale: float, keys: Longs, bands: int) -> NDArray[np.bool_]:
    """(F,) whether any sample shows the triangle; keys (band, 2 W + LANES) is room to work in."""
    found = np.zeros(faces.shape[0], np.bool_)
    starts, order = sort_into_bands(np.arange(faces.shape[0]).astype(np.int32), points, faces, keys.shape[0], bands)
    for band in range(bands):
        keys[:] = 0
        fill(order[starts[band] : starts[band + 1]], points, faces, band * keys.shape[0], scale, keys)
        for row in range(keys.shape[0]):
            for column in range(keys.shape[1] - LANES):
                if keys[row, column]:
                    found[keys[row, column] & ID_MASK] = True
    return found


@compiled
def light_vertices(
    points: Floats,
    normals: Floats,
    surface: Floats,
    kinds: Bytes,
    diffuse: Floats,
    highlight: Floats,
    matt: NDArray[np.bool_],
    shading: Floats,
) -> None:
    """Fills shading (V, 8) with all that a pixel needs to know of its triangle's corners.

    That is the light sent back (3), gloss, where in the highlight table the normal falls (2), and x and y in samples.
    surface (V, 4) is albedo and gloss, kinds (V,) the material; the tables are (M, side, side, 4). The highlight of
    matt materials (M,) is so soft that it is added here, and left to the pixels elsewhere.
    """
    one = np.float32(1)
    middle, last = np.float32(0.5 * (diffuse.shape[1] - 1)), diffuse.shape[1] - 2
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        scale = one + z if z > 0 else np.sqrt(x * x + y * y + np.float32(1e-12))
        x, y = x / scale, y / scale
        tx, ty = middle + middle * x, middle + middle * y
        column, row = min(int(tx), last), min(int(ty), last)
        fx, fy = tx - np.float32(column), ty - np.float32(row)
        kind = kinds[i]
        soft = matt[kind]
        for k in range(3):
            near = diffuse[kind, row, column, k] * (one - fx) + diffuse[kind, row, column + 1, k] * fx
            far = diffuse[kind, row + 1, column, k] * (one - fx) + diffuse[kind, row + 1, column + 1, k] * fx
            shading[i, k] = surface[i, k] * (near + fy * (far - near))
            if soft:
                near = highlight[kind, row, column, k] * (one - fx) + highlight[kind, row, column + 1, k] * fx
                far = highlight[kind, row + 1, column, k] * (one - fx) + highlight[kind, row + 1, column + 1, k] * fx
                shading[i, k] += surface[i, 3] * (near + fy * (far - near))
        shading[i, 3] = np.float32(0) if soft else surface[i, 3]
        shading[i, 4], shading[i, 5] = tx, ty
        shading[i, 6], shading[i, 7] = points[i, 0], points[i, 1]


@compiled
def resolve(
    rows: tuple[int, int],
    columns: tuple[int, int],
    first: int,
    keys: Longs,
    still: Longs,
    shading: Floats,
    faces: Ints,
    material: Bytes,
    highlight: Floats,
    tone: Bytes,
    background: Bytes,
    picture: Bytes,
) -> None:
    """Shades a part of the picture where the keys are not those of the still layer, from a band that begins at first.

    One long function, because arrays handed to a smaller one would cost more than it does.
    """
    zero, one, levels = np.float32(0), np.float32(1), np.float32(LEVELS)
    brightest, last = np.int32(tone.shape[0] - 1), np.int32(highlight.shape[1] - 2)
    mixed = np.full(3, 2, np.int32)  # sums of four samples, with half of the last place
    for row in range(rows[0], rows[1]):
        upper, lower = 2 * row - first, 2 * row - first + 1
        for x in range(columns[0], columns[1]):
            p, q, r, t = keys[upper, 2 * x], keys[upper, 2 * x + 1], keys[lower, 2 * x], keys[lower, 2 * x + 1]
            old = (p ^ still[upper, 2 * x]) | (q ^ still[upper, 2 * x + 1])
            if (old | (r ^ still[lower, 2 * x]) | (t ^ still[lower, 2 * x + 1])) == 0:
                continue
            low, high = min(min(p, q), min(r, t)) >> ID_BITS, max(max(p, q), max(r, t)) >> ID_BITS
            smooth = low > 0 and high - low < SMOOTH * high
            if smooth and ((p ^ q) | (p ^ r) | (p ^ t)) & ID_MASK:
                kind = material[p & ID_MASK]
                smooth = material[q & ID_MASK] == kind and material[r & ID_MASK] == kind
                smooth = smooth and material[t & ID_MASK] == kind
            for n in range(1 if smooth else 4):
                key = keys[upper + (n >> 1), 2 * x + (n & 1)]
                t = key & ID_MASK
                if key == 0:
                    for k in range(3):
                        mixed[k] += background[row, x, k]
                    continue
                px, py = np.float32(2 * x + 1), np.float32(2 * row + 1)
                if not smooth:
                    px, py = px + np.float32((n & 1) - 0.5), py + np.float32((n >> 1) - 0.5)
                a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
                x0, y0 = shading[a, 6], shading[a, 7]
                x1, y1, x2, y2 = shading[b, 6] - x0, shading[b, 7] - y0, shading[c, 6] - x0, shading[c, 7] - y0
                px, py = px - x0, py - y0
                inverse = one / (x2 * y1 - x1 * y2)
                u = min(max((x2 * py - y2 * px) * inverse, zero), one)
                v = min(max((y1 * px - x1 * py) * inverse, zero), one - u)
                w = one - u - v
                gloss = w * shading[a, 3] + u * shading[b, 3] + v * shading[c, 3]
                tx = w * shading[a, 4] + u * shading[b, 4] + v * shading[c, 4]
                ty = w * shading[a, 5] + u * shading[b, 5] + v * shading[c, 5]
                column, line = min(np.int32(tx), last), min(np.int32(ty), last)
                fx, fy, kind = tx - np.float32(column), ty - np.float32(line), material[t]
                for k in range(3):
                    light = w * shading[a, k] + u * shading[b, k] + v * shading[c, k]
                    if gloss > 0:
                        near = highlight[kind, line, column, k] * (one - fx) + highlight[kind, line, column + 1, k] * fx
                        far = highlight[kind, line + 1, column, k] * (one - fx)
                        far += highlight[kind, line + 1, column + 1, k] * fx
                        light += gloss * (near + fy * (far - near))
                    code = tone[min(np.int32(light * levels), brightest)]
                    if smooth:
                        picture[row, x, k] = code
                    else:
                        mixed[k] += code
            if not smooth:
                for k in range(3):
                    picture[row, x, k] = mixed[k] >> 2
                    mixed[k] = 2


@compiled
def draw(
    chosen: Ints,
    points: Floats,
    shading: Floats,
    faces: Ints,
    material: Bytes,
    highlight: Floats,
    tone: Bytes,
    scale: float,
    box: tuple[int, int, int, int],
    background: Bytes,
    still: Longs,
    keep: bool,
    keys: Longs,
    picture: Bytes,
) -> None:
    """Draws the chosen triangles, within box (left, top, right, bottom), over a picture (H, W, 3) of the still layer.

    still (bands * band, 2 W + LANES) are that layer's keys, and those of the new picture where they are to be kept.
    keys (band, 2 W + LANES) is room to work in; the picture is made band by band, so that it stays in cache.
    """
    height = keys.shape[0]
    left, top, right, bottom = box
    bands = still.shape[0] // height
    starts, order = sort_into_bands(chosen, points, faces, height, bands)
    for band in range(bands):
        if starts[band] == starts[band + 1]:
            continue
        first = band * height
        under = still[first : first + height]
        for row in range(height):
            keys[row, 2 * left : 2 * right] = under[row, 2 * left : 2 * right]
        fill(order[starts[band] : starts[band + 1]], points, faces, first, scale, keys)
        rows, columns = (max(first // 2, top), min((first + height) // 2, bottom)), (left, right)
        resolve(rows, columns, first, keys, under, shading, faces, material, highlight, tone, background, picture)
        if keep:
            for row in range(height):
                under[row, 2 * left : 2 * right] = keys[row, 2 * left : 2 * right]
