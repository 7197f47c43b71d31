"""Quantiles of more data than memory holds: a summary of weighted values, kept small as batches come.

A summary is a float32 array of two rows: values, ascending, and how many numbers each stands for.
"""

from __future__ import annotations

import numpy as np


def summary_of(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns the summary of some values: evenly spaced ones of the sorted, about 1 / epsilon of them at most."""
    ordered = np.sort(values, axis=None)
    each = max(len(ordered) * epsilon, 1.0)
    chosen = ordered[int(each - 1) :: int(each)]
    return np.stack([chosen, np.full_like(chosen, each)])


def joined(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns the summary of two sets of values from theirs."""
    both = np.concatenate([first, second], axis=1)
    return compressed(both[:, np.argsort(both[0])], epsilon)


def compressed(summary: np.ndarray, share: float) -> np.ndarray:
    """Returns a summary of values that stand for a `share` of all each; the same one where it is as short already.

    Where values end and what they stand for is interpolated between those that are there.
    """
    values, weights = summary
    if len(values) * share < 1:
        return summary
    ends = np.cumsum(weights)
    shares = ends / ends[-1]
    wanted = share + np.arange(0.0, 1.0, share)
    new_ends = np.interp(wanted, shares, ends)
    return np.stack([np.interp(wanted, shares, values), np.diff(new_ends, prepend=0)]).astype(np.float32)


def bin_boundaries_of(summary: np.ndarray, bins: int) -> np.ndarray:
    """Returns the boundaries between so many bins of about equal weight."""
    return compressed(summary, 1.0 / bins)[0, :-1]
