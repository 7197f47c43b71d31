"""What there is to wait for before anything happens: imports, building, compiling."""

from __future__ import annotations

from typing import Any

from .cases import CASES
from .environment import cores
from .figures import columns, figure, of_rounds, ratio, times
from .peers import PEERS, TRAINERS
from .section import Section
from .session import Session

CASE = CASES["seed"]


def measure(session: Session) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {}
    for r, peers in session.turns(TRAINERS, "cold start"):
        what = session.round_of("cold start", r)
        for peer in peers:
            result = session.attempt(peer, what, lambda peer=peer: session.run("start", cores(), peer, case=CASE))
            if result is not None:
                found.setdefault(peer.name, []).append(result)
        told = [f"{PEERS[name].label} {runs[-1]['seconds']:.3g}" for name, runs in found.items()]
        session.progress.line(f"{what}, s: {', '.join(told)}")
    results: list[dict[str, Any]] = []
    for name in PEERS:
        if name in found:
            of_name: dict[str, Any] = {"peer": name}
            for key in ("seconds", "import_seconds"):
                of_name |= of_rounds(key, [run[key] for run in found[name]])
            results.append(of_name)
    for result in results:
        result["times_fastnn"] = ratio(result, results[0], "seconds") if results[0]["peer"] == "fastnn" else None
    return {"network": CASE.network, "results": results}


def lines(found: dict[str, Any]) -> list[str]:
    """The table."""
    rows = [("", "first step, s", "× fastnn", "import, s")]
    rows += [
        (PEERS[r["peer"]].label, figure(r, "seconds"), times(r["times_fastnn"]), figure(r, "import_seconds"))
        for r in found["results"]
    ]
    return [f"{found['network']}, from the start of Python", *columns(rows)]


SECTION = Section(
    "startup",
    "Cold start",
    measure,
    lines,
    (
        ("first step", "seconds from the start of the process to the end of its first training step"),
        ("× fastnn", "how many times as long as fastnn's first step it takes"),
        ("import", "seconds of that for importing the library, NumPy included"),
    ),
)
