"""What is done with the records of a program before it is written: gradients, branches, steps that become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn import _kernels
from fastnn.records import ENDS, Record, Value, required

if TYPE_CHECKING:
    from fastnn.program import Builder


def decide_gradients(builder: Builder) -> None:
    """A value has a gradient if anything before it learns, and if it leads to a loss."""
    for record in builder.records:
        if record.output is not None and record not in builder.stopping:
            record.output.root.gradient |= any(x is not None and x.root.gradient for x in record.inputs) or any(
                builder.learns(variable) for variable in record.variables
            )
    leading: set[int] = set()
    for record in reversed(builder.records):
        if record.op in ENDS:
            leading.add(id(record.x.root))
        elif record.output is not None and id(record.output.root) in leading and record not in builder.stopping:
            leading.update(id(x.root) for x in record.inputs if x is not None)
    values = [value for record in builder.records for value in (*record.inputs, record.output)]
    for value in (*builder.feeds, *values):
        if value is not None and id(value.root) not in leading:
            value.root.gradient = False


def branch(builder: Builder) -> None:
    """Where several steps pass a gradient back to one value, all but the last write to branches of it.

    The last step is the first on the way back: it writes, and the branches are added after it. An activity
    regularization adds by itself; if it is all there is, it adds to zeros.
    """
    passing: dict[int, list[tuple[Record, int]]] = {}
    for record in builder.records:
        if record.op in ENDS:
            differentiable = [0]
        elif record.output is not None and record.output.root.gradient:
            differentiable = list(range(len(record.inputs)))
        else:
            continue
        for at in differentiable:
            x = record.inputs[at]
            if x is not None and x.root.gradient:
                passing.setdefault(id(x.root), []).append((record, at))
    first: list[Record] = []  # branches of the inputs
    after: dict[int, list[Record]] = {}  # branches of what a step puts out
    zeros: list[Record] = []
    producer = {id(record.output.root): id(record) for record in builder.records if record.output is not None}
    for root, consumers in passing.items():
        writing = [(record, at) for record, at in consumers if record.op != "activity_regularization"]
        if not writing:
            zeros.append(Record("zero", [consumers[0][0].x.root]))
        behind = after.setdefault(producer[root], []) if root in producer else first
        for record, at in writing[:-1]:
            trunk = required(record.inputs[at], "an input")
            record.inputs[at] = Value(trunk.shape, trunk, is_branch=True)
            behind.append(Record("branch", [trunk, record.inputs[at]]))
    steps = [step for record in builder.records for step in (record, *after.get(id(record), ()))]
    builder.records = [*first, *steps, *zeros]


def multiply_sparse(builder: Builder) -> None:
    """A sparse input that dense steps alone read is read where it lies; others are made rows batch by batch."""
    for number, value in enumerate(builder.feeds):
        if not value.sparse:
            continue
        reading = [
            record for record in builder.records if any(x is not None and x.root is value for x in record.inputs)
        ]
        value.sparse = len(value.shape) == 1 and value.uses == len(reading)
        value.sparse = value.sparse and all(r.op == "dense" and r.inputs[0] is value for r in reading)
        if value.sparse:
            for record in reading:
                record.op, record.settings = "sparse_dense", {"length": number}


def fold_normalizations(builder: Builder) -> None:
    """A normalization by moving statistics becomes part of the dense step before it, where nobody else looks."""
    kept: list[Record] = []
    dense: dict[int, Record] = {}  # by the value that they put out
    for record in builder.records:
        before = dense.get(id(record.inputs[0])) if record.op == "moving_normalization" else None
        if before is not None and before.y.uses == 1:
            before.op, before.output = "normalized_dense", record.output
            before.variables += record.variables
            before.settings["epsilon"] = record.settings["epsilon"]
            continue
        kept.append(record)
        if record.op == "dense":
            dense[id(record.output)] = record
    builder.records = kept


def fuse_activations(builder: Builder) -> None:
    """y = f(x · w + b) in one step, where nothing else looks at x · w + b."""
    kept: list[Record] = []
    for record in builder.records:
        before = kept[-1] if kept else None
        if (
            before is not None
            and before.op in ("dense", "normalized_dense", "feature_dense", "sparse_dense")
            and record.op == "activation"
            and record.inputs[0] is before.output
            and before.y.uses == 1
            and "activation" not in before.settings
            and not (record.y.gradient and _kernels.activation_needs_input(record.settings["activation"]))
        ):
            before.output = record.output
            before.settings.update(record.settings)
        else:
            kept.append(record)
    builder.records = kept
