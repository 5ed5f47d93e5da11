"""From pictures to what the encoder reads, compiled: colour conversion and laying a picture over the background.

Shape letters: H, W the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.render.compiled import compiled

Bytes = NDArray[np.uint8]
Box = tuple[int, int, int, int]  # left, top, right and bottom, all even

# BT.709 luma weights, and limited range: Y 16-235, U and V 16-240 (ITU-R BT.709, 3 and 4)
KR, KG, KB = 0.2126, 0.7152, 0.0722
YR, YG, YB = KR * 219 / 255, KG * 219 / 255, KB * 219 / 255
UB = 0.5 * 224 / 255
UR, UG = -UB * KR / (1 - KB), -UB * KG / (1 - KB)
VR = 0.5 * 224 / 255
VG, VB = -VR * KG / (1 - KR), -VR * KB / (1 - KR)


def yuv420p(picture: Bytes) -> Bytes:
    """Planes Y, U, V in one array (H * W * 3 / 2,), BT.709 limited range, of an sRGB picture (H, W, 3), even sides."""
    height, width = picture.shape[:2]
    planes = np.empty(height * width * 3 // 2, np.uint8)
    convert(picture, (0, 0, width, height), planes)
    return planes


def convert(picture: Bytes, box: Box, planes: Bytes) -> None:
    """Writes the box of the picture into such planes."""
    height, width = picture.shape[:2]
    luma, blue, red = np.split(planes, [height * width, height * width * 5 // 4])
    half = (height // 2, width // 2)
    _convert(picture, box, luma.reshape(height, width), blue.reshape(half), red.reshape(half))


@compiled
def _convert(picture: Bytes, box: Box, luma: Bytes, blue: Bytes, red: Bytes) -> None:
    """U and V are of the mean of four pixels, sited in their middle."""
    left, top, right, bottom = box
    yr, yg, yb = np.float32(YR), np.float32(YG), np.float32(YB)
    ur, ug, ub = np.float32(UR / 4), np.float32(UG / 4), np.float32(UB / 4)
    vr, vg, vb = np.float32(VR / 4), np.float32(VG / 4), np.float32(VB / 4)
    low, middle = np.float32(16.5), np.float32(128.5)
    for y in range(top // 2, bottom // 2):
        for row in range(2 * y, 2 * y + 2):
            for x in range(left, right):
                r, g, b = np.float32(picture[row, x, 0]), np.float32(picture[row, x, 1]), np.float32(picture[row, x, 2])
                luma[row, x] = np.uint8(low + yr * r + yg * g + yb * b)
        for x in range(left // 2, right // 2):
            i, j, k, m = 2 * x, 2 * x + 1, 2 * y, 2 * y + 1
            r = np.float32(np.int32(picture[k, i, 0]) + picture[k, j, 0] + picture[m, i, 0] + picture[m, j, 0])
            g = np.float32(np.int32(picture[k, i, 1]) + picture[k, j, 1] + picture[m, i, 1] + picture[m, j, 1])
            b = np.float32(np.int32(picture[k, i, 2]) + picture[k, j, 2] + picture[m, i, 2] + picture[m, j, 2])
            blue[y, x] = np.uint8(middle + ur * r + ug * g + ub * b)
            red[y, x] = np.uint8(middle + vr * r + vg * g + vb * b)


@compiled
def composite(layer: Bytes, background: Bytes, picture: Bytes) -> None:
    """A layer (H, W, 4), colours times alpha and upside down as OpenGL gives it, over a background (H, W, 3)."""
    height = picture.shape[0]
    for y in range(height):
        row = height - 1 - y
        for x in range(picture.shape[1]):
            rest = 255 - np.int32(layer[row, x, 3])
            for k in range(3):
                light = np.int32(layer[row, x, k]) * 255 + rest * np.int32(background[y, x, k])
                picture[y, x, k] = np.uint8((light + 127) // 255)  # colour never exceeds alpha: nothing to clip
