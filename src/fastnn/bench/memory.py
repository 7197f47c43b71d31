"""The memory that training takes beside the library, warm, and the data."""

from __future__ import annotations

from typing import Any

from .cases import CASES
from .environment import cores
from .figures import columns, figure, of_rounds, ratio, times
from .peers import PEERS
from .section import Section
from .session import Session

CASES_SHOWN = ("mnist", "tabular")
SHOWN = ("fastnn", "numpy", "torch", "keras", "sklearn")
MEGABYTE = 1e6


def measure(session: Session) -> list[dict[str, Any]]:
    return [measure_case(session, name) for name in session.shared(CASES_SHOWN[:1] if session.quick else CASES_SHOWN)]


def measure_case(session: Session, name: str) -> dict[str, Any]:
    """All rounds of a case: megabytes by peer."""
    case = CASES[name]
    found: dict[str, list[float]] = {}
    for r, peers in session.turns(SHOWN, "memory"):
        what = session.round_of(f"memory of {name}", r)
        for peer in peers:
            result = session.attempt(peer, what, lambda peer=peer: session.run("memory", cores(), peer, case=case))
            if result is not None:
                found.setdefault(peer.name, []).append(result["bytes"] / MEGABYTE)
        told = [f"{PEERS[name].label} {values[-1]:.3g}" for name, values in found.items()]
        session.progress.line(f"{what}, MB: {', '.join(told)}")
    results: list[dict[str, Any]] = [
        {"peer": peer} | of_rounds("megabytes", found[peer]) for peer in PEERS if peer in found
    ]
    for result in results:
        result["times_fastnn"] = ratio(result, results[0], "megabytes") if results[0]["peer"] == "fastnn" else None
    data = sum(part.nbytes for part in case.data())
    sizes = {"least_megabytes": case.least_bytes / MEGABYTE, "data_megabytes": data / MEGABYTE}
    return {"name": name, "network": case.network, "batch": case.batch} | sizes | {"results": results}


def lines(tables: list[dict[str, Any]]) -> list[str]:
    """A table a case."""
    result: list[str] = []
    for table in tables:
        if not table["results"]:
            result += ["", f"{table['name']}: no figures; memory is measured on Linux alone"]
            continue
        rows = [("", "MB", "× fastnn", "× needed")]
        for r in table["results"]:
            needed = r["megabytes"] / table["least_megabytes"]
            rows.append((PEERS[r["peer"]].label, figure(r, "megabytes"), times(r["times_fastnn"]), f"{needed:.2g}"))
        about = f"{table['name']}: {table['network']}, batch {table['batch']}; data {table['data_megabytes']:.3g} MB"
        result += ["", f"{about}, needed {table['least_megabytes']:.3g} MB", *columns(rows)]
    return result


SECTION = Section(
    "memory",
    "Memory",
    measure,
    lines,
    (
        (
            "MB",
            (
                "millions of bytes that two epochs take at most, beyond the data and what the process has after it has"
                " trained 8-10-1; NumPy, PyTorch and Keras hold one batch at a time here"
            ),
        ),
        ("× fastnn", "how many times as much as fastnn takes"),
        ("× needed", "how many times as much as is needed"),
        (
            "needed",
            (
                "what the weights, their gradients, Adam's two moments and a batch's activations come to:"
                " parameters × (2 + 2) + batch × all widths, four bytes each"
            ),
        ),
    ),
)
