"""Colours reach the encoder as BT.709 says."""

from __future__ import annotations

import numpy as np

from talkcli.render.pixels import composite, yuv420p


def test_yuv_is_bt709_in_limited_range() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    red, green, blue = np.moveaxis(picture / 255.0, 2, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [(blue - luma) / 1.8556, (red - luma) / 1.5748]
    wanted = [16 + 219 * luma] + [128 + 224 * plane.reshape(4, 2, 6, 2).mean(axis=(1, 3)) for plane in chroma]
    planes = yuv420p(picture)
    assert np.abs(planes - np.concatenate([plane.ravel() for plane in wanted])).max() <= 0.51


def test_black_white_and_primaries_stay_in_range() -> None:
    for color, luma in (([0, 0, 0], 16), ([255, 255, 255], 235), ([0, 0, 255], 32), ([255, 0, 0], 63)):
        planes = yuv420p(np.full((2, 2, 3), color, np.uint8))
        assert planes[0] == luma
        assert 16 <= planes[4:].min() <= planes[4:].max() <= 240


def test_a_layer_lies_over_the_background_upside_up() -> None:
    layer = np.zeros((2, 1, 4), np.uint8)
    layer[0, 0] = [100, 50, 0, 128]  # the lower row, half covered
    picture = np.zeros((2, 1, 3), np.uint8)
    composite(layer, np.full((2, 1, 3), 200, np.uint8), picture)
    assert picture.tolist() == [[[200, 200, 200]], [[200, 150, 100]]]
