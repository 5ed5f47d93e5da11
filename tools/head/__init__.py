"""Makes talkcli/resources/head.npz by code alone: `python -m tools.head`.

A signed distance field gives the head's shape (sculpt), a hand-drawn patch layout its mesh (topology), and explicit
charts the lips, lids and ears, where a distance field is too coarse; a blendshape of a chart is the same chart with
displaced tables. Inside the generator: millimetres; x the subject's left, y up (0 = pupils), z forward (0 = ear
canals). The resource holds metres, same axes.
"""
