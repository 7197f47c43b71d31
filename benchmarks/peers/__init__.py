"""The peers: what else trains such networks, each at its best, one file each.

A peer's file has a class `Trainer(case, x, y)` with `train(epochs)`, which returns the seconds of each epoch, and
`weights()`, which returns kernels `(in, out)` and biases as NumPy arrays. Every peer trains with Adam on mini-batches
that are shuffled in every epoch, in float32, on the same data, and computes the loss of each step.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """What is known of a peer without importing it.

    Args:
        name: Its file, and its name on the command line and in results.
        label: Its name in tables.
        distributions: What to report the versions of.
        how: How it is run, in a few words.
        tune_threads: Whether both one thread and all are tried and the faster kept.
    """

    name: str
    label: str
    distributions: tuple[str, ...]
    how: str
    tune_threads: bool = True


PEERS = {
    peer.name: peer
    for peer in (
        Peer("fastnn", "fastnn", ("fastnn-cpu", "numpy"), "`fit`, defaults", tune_threads=False),
        Peer("numpy", "NumPy", ("numpy",), "by hand: buffers made once, everything in place, Adam in cached blocks"),
        Peer("torch", "PyTorch", ("torch",), "eager, fused Adam, an epoch gathered at once, denormals flushed"),
        Peer("torch_compile", "torch.compile", ("torch",), "forward, backward and Adam in one compiled function"),
        Peer("jax", "JAX", ("jax", "jaxlib"), "a whole epoch in one jitted scan, donated buffers"),
        Peer("keras", "Keras (JAX)", ("keras", "jax"), "`fit`, compiled by XLA, eight steps in a call"),
        Peer("sklearn", "scikit-learn", ("scikit-learn",), "MLP's `partial_fit`, an epoch a call"),
    )
}


def time_epochs(epoch: Callable[[], object], epochs: int) -> list[float]:
    """Calls `epoch` so many times; returns the seconds from one end to the next."""
    marks = [time.perf_counter()]
    for _ in range(epochs):
        epoch()
        marks.append(time.perf_counter())
    return [b - a for a, b in itertools.pairwise(marks)]
