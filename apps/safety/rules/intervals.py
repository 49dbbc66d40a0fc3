"""Intervals of proportions, for every figure that is published."""

from __future__ import annotations

from math import sqrt


def wilson(hits: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of `hits` out of `of` (Wilson, 1927); (0, 1) when nothing was counted."""
    if of == 0:
        return 0.0, 1.0
    share = hits / of
    centre = share + z * z / (2 * of)
    margin = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (centre - margin) / (1 + z * z / of)), min(1.0, (centre + margin) / (1 + z * z / of))
