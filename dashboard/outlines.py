"""What lines and bands look like as points: steps over their buckets, and outlines round what lies between extremes.

Pure numpy. Times are numbers of the axis, values are NaN where there is a gap.
"""

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A band needs no more corners than that to look the same.
BAND_POINTS = 1000
_GAP = np.array([np.nan])
# Up to here a band shows its buckets as steps; beyond, a bucket is as narrow as a few pixels.
STEPPED_BAND_POINTS = 300


def is_lonely(values: Values) -> Mask:
    """Values between two gaps: a line alone would not show them."""
    present = np.isfinite(values)
    left = np.concatenate(([False], present[:-1]))
    right = np.concatenate((present[1:], [False]))
    return np.asarray(present & ~left & ~right)


def steps(times: Times, values: Values, step_ms: int) -> tuple[Times, Values]:
    """Points for a line that goes on level until its next point: each run gets the end of its last bucket."""
    last = np.flatnonzero(np.isfinite(values) & ~np.isfinite(np.append(values[1:], np.nan)))
    return np.insert(times, last + 1, times[last] + step_ms), np.insert(values, last + 1, values[last])


def beside(mask: Mask) -> Mask:
    """The marked points and their neighbours."""
    spread = mask.copy()
    spread[1:] |= mask[:-1]
    spread[:-1] |= mask[1:]
    return spread


def band(times: Times, low: Values, high: Values, step_ms: int | None) -> tuple[Values, Values]:
    """The outline round everything between the extremes: a closed piece per run, NaN between the pieces.

    With ``step_ms`` the extremes are those of buckets, each as wide as that.
    """
    present = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    pair = 1 + int(present.sum()) // BAND_POINTS
    outlines_x: list[Values] = []
    outlines_y: list[Values] = []
    for first, end in edges.reshape(-1, 2).tolist():
        at = np.arange(first, end, pair)
        along = times[at].astype(np.float64)
        lowest, highest = np.minimum.reduceat(low[:end], at), np.maximum.reduceat(high[:end], at)
        if step_ms is not None and present.sum() <= STEPPED_BAND_POINTS:
            along = np.stack((along, np.append(along[1:], along[-1] + step_ms)), axis=1).ravel()
            lowest, highest = np.repeat(lowest, 2), np.repeat(highest, 2)
        elif step_ms is not None or pair > 1:
            along = np.append(along, times[end - 1] + (step_ms or 0))
            lowest, highest = np.append(lowest, lowest[-1]), np.append(highest, highest[-1])
        outlines_x += [along, along[::-1], along[:1], _GAP]
        outlines_y += [highest, lowest[::-1], highest[:1], _GAP]
    if not outlines_x:
        return np.empty(0), np.empty(0)
    return np.concatenate(outlines_x)[:-1], np.concatenate(outlines_y)[:-1]
