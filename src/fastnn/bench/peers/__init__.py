"""The peers: what else trains such networks, or runs them, each at its best, one file each.

A peer that trains has a class `Trainer(case, x, y)` with `train(epochs)`, which returns the seconds of each epoch, and
`weights()`, which returns what `Case.weights` does. Every peer trains on mini-batches that are shuffled in every epoch,
on the same data, and computes the loss of each step. Where that copies the data set, which is faster, `FrugalTrainer`
is the same without the copy; its memory is what is measured.

A peer that predicts has a class `Predictor(case)` of the network with `case.weights()`; `prepare(x)` makes of a NumPy
array what the peer likes best, and `calls()` are the ways to ask for a prediction, by name: functions of that, called
within the context `within()` where it has one.

Each raises NotImplementedError for a case that it has no means for.
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
        training: How it trains, in a few words; None where it does not.
        inference: How it predicts.
        tune_threads: Whether both one thread and all are tried and the faster kept.
    """

    name: str
    label: str
    distributions: tuple[str, ...]
    training: str | None = None
    inference: str | None = None
    tune_threads: bool = True

    @property
    def how(self) -> str:
        """How it is run, in training and in inference."""
        return "; ".join(text for text in (self.training, self.inference) if text)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "fastnn",
            "fastnn",
            ("fastnn-cpu", "numpy"),
            "`fit`, defaults",
            "`model(x)` and `predict(x, verbose=0)`",
            tune_threads=False,
        ),
        Peer(
            "numpy",
            "NumPy",
            ("numpy",),
            "by hand: buffers made once, everything in place, Adam in cached blocks",
            "by hand, in buffers made once",
        ),
        Peer(
            "torch",
            "PyTorch",
            ("torch",),
            "eager, fused optimizer, an epoch gathered at once, denormals flushed",
            "eager in inference mode, and by hand: functions, in place",
        ),
        Peer(
            "torch_compile",
            "torch.compile",
            ("torch",),
            "forward, backward and update in one compiled function",
            "the compiled module in inference mode",
        ),
        Peer("torchscript", "TorchScript", ("torch",), None, "traced, frozen, optimized for inference"),
        Peer(
            "jax",
            "JAX",
            ("jax", "jaxlib"),
            "a whole epoch in one jitted scan, donated buffers, on the calling thread",
            "one jitted function, on arrays that JAX holds already",
        ),
        Peer(
            "keras",
            "Keras (JAX)",
            ("keras", "jax"),
            "`fit`, compiled by XLA, 32 steps in a call",
            "`predict` with one batch for all rows, and `predict_on_batch`",
        ),
        Peer("sklearn", "scikit-learn", ("scikit-learn",), "MLP's `partial_fit`, an epoch a call", "MLP's `predict`"),
        Peer(
            "onnxruntime",
            "ONNX Runtime",
            ("onnxruntime", "onnx"),
            None,
            "a session with all graph optimizations; and with input and output bound to arrays",
        ),
    )
}
TRAINERS = tuple(name for name, peer in PEERS.items() if peer.training)
PREDICTORS = tuple(name for name, peer in PEERS.items() if peer.inference)


def time_epochs(epoch: Callable[[], object], epochs: int) -> list[float]:
    """Calls `epoch` so many times; returns the seconds from one end to the next."""
    marks = [time.perf_counter()]
    for _ in range(epochs):
        epoch()
        marks.append(time.perf_counter())
    return [b - a for a, b in itertools.pairwise(marks)]
