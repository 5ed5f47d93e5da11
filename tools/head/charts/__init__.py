"""Explicit surfaces, functions of u along a ring and r across it, where the sculpt is too coarse: lips, lids, ears."""
