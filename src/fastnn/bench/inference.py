"""Predictions of a small network, one sample at a time and many at once, by fastnn and its peers."""

from __future__ import annotations

from typing import Any

from .cases import PREDICTED
from .figures import columns, figure, of_rounds, ratio, times
from .peers import PEERS, PREDICTORS, Peer
from .section import Section
from .session import Session

ROWS = (1, 8192)


def measure(session: Session) -> list[dict[str, Any]]:
    return [measure_rows(session, rows) for rows in session.shared(ROWS)]


def measure_rows(session: Session, rows: int) -> dict[str, Any]:
    """All rounds for batches of so many rows."""
    found: dict[tuple[str, str], list[float]] = {}
    threads: dict[str, int] = {}
    operations = PREDICTED.flops / PREDICTED.samples * rows

    def run(peer: Peer, n: int, seconds: float) -> dict[str, float]:
        result = session.run("predict", n, peer, case=PREDICTED, rows=rows, seconds=seconds)["seconds"]
        return {call: value * 1e6 for call, value in result.items()}

    def one(peer: Peer) -> dict[str, float]:
        if peer.name not in threads:
            # one sample is no work for two
            threads[peer.name] = (
                1
                if rows == 1 and peer.tune_threads
                else session.best_threads(peer, operations, lambda n: min(run(peer, n, session.seconds / 8).values()))
            )
        return run(peer, threads[peer.name], session.seconds / 4)

    label = "one sample" if rows == 1 else f"{rows:,} samples"
    for r, peers in session.turns(PREDICTORS, label):
        what = session.round_of(f"prediction of {label}", r)
        told = []
        for peer in peers:
            result = session.attempt(peer, what, lambda peer=peer: one(peer))
            for call, us in (result or {}).items():
                found.setdefault((peer.name, call), []).append(us)
                told.append(f"{peer.label} {call} {us:.4g}")
        session.progress.line(f"{what}, µs: {', '.join(told)}")
    results: list[dict[str, Any]] = [
        {"peer": name, "call": call, "threads": threads[name]} | of_rounds("us", values)
        for (name, call), values in sorted(found.items(), key=lambda item: list(PEERS).index(item[0][0]))
    ]
    for result in results:
        result["times_fastnn"] = ratio(result, results[0], "us") if results[0]["peer"] == "fastnn" else None
    about = {"network": PREDICTED.network, "activation": PREDICTED.activation, "rows": rows}
    return about | {"results": results}


def lines(tables: list[dict[str, Any]]) -> list[str]:
    """A table for each number of rows."""
    result: list[str] = []
    for table in tables:
        rows = [("", "call", "µs", "× fastnn", "threads")]
        rows += [
            (PEERS[r["peer"]].label, r["call"], figure(r, "us"), times(r["times_fastnn"]), str(r["threads"]))
            for r in table["results"]
        ]
        samples = "one sample" if table["rows"] == 1 else f"{table['rows']:,} samples"
        result += ["", f"{table['network']}, {table['activation']}, {samples}", *columns(rows)]
    return result


SECTION = Section(
    "inference",
    "Inference",
    measure,
    lines,
    (
        ("µs", "microseconds from the call in Python to the result, the network and the call warm"),
        ("× fastnn", "how many times as long as the first line's it takes"),
        ("threads", "one for one sample, for many samples one or all, whichever was faster in a trial"),
    ),
)
