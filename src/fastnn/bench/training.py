"""Trains the same networks with fastnn and with its peers, and shows how long a step takes."""

from __future__ import annotations

import statistics
from typing import Any

from .cases import CASES, QUICK_CASES, VARIANTS, Case
from .figures import columns, figure, median, of_rounds, ratio, significant, steady, times
from .peak import peak
from .peers import PEERS, TRAINERS, Peer
from .section import Section
from .session import Failure, Session

QUICK_STEPS = 32  # at most, in an epoch


def _run(session: Session, peer: Peer, case: Case, threads: int, seconds: float) -> dict[str, Any]:
    """One training; microseconds a step."""
    result = session.run("train", threads, peer, case=case, seconds=seconds)
    if not result["loss_at_end"] < result["loss_before"]:
        raise Failure(f"did not learn: loss {result['loss_before']:.4f} before, {result['loss_at_end']:.4f} after")
    result["us_per_step"] = statistics.median(result.pop("seconds")) / case.steps * 1e6
    return result


def measure_case(session: Session, case: Case) -> dict[str, Any]:
    """All rounds of a case: results by peer, and the peak that was measured in each round."""
    runs: dict[str, list[dict[str, Any]]] = {}
    threads: dict[str, int] = {}
    peaks: list[dict[str, float]] = []

    def one(peer: Peer) -> dict[str, Any]:
        if peer.name not in threads:
            threads[peer.name] = session.best_threads(
                peer,
                case.flops / case.steps,
                lambda n: _run(session, peer, case, n, session.seconds / 4)["us_per_step"],
            )
        return _run(session, peer, case, threads[peer.name], session.seconds)

    for r, peers in session.turns(TRAINERS, case.name):
        what = session.round_of(case.name, r)
        peaks.append(peak(case.dtype, 0.1 if session.quick else 0.2))
        told = []
        for peer in peers:
            result = session.attempt(peer, what, lambda peer=peer: one(peer))
            if result is not None:
                runs.setdefault(peer.name, []).append(result)
                told.append(f"{peer.label} {result['us_per_step']:.4g}")
        session.progress.line(f"{what}, µs/step: {', '.join(told)}")
    return summary(case, runs, threads, peaks)


def summary(
    case: Case, runs: dict[str, list[dict[str, Any]]], threads: dict[str, int], peaks: list[dict[str, float]]
) -> dict[str, Any]:
    """A case's figures.

    Args:
        case: What was trained.
        runs: By peer, what each round found.
        threads: By peer, how many it used.
        peaks: Of each round.
    """
    of_peak = {which: median([p[which] for p in peaks]) for which in ("one_core", "all_cores")}
    results: list[dict[str, Any]] = []
    for name in PEERS:
        if name not in runs:
            continue

        def values(key: str, name: str = name) -> list[float]:
            return [run[key] for run in runs[name]]

        found: dict[str, Any] = {"peer": name, "threads": threads[name]}
        found |= of_rounds("us_per_step", values("us_per_step"))
        rate = case.flops / case.steps / found["us_per_step"] / 1e3
        found["gflops"] = significant(rate)
        found["share_of_peak"] = significant(rate / of_peak["all_cores"])
        for key in ("first_epoch_seconds", "loss_before", "loss_after_one_epoch"):
            found[key] = median(values(key))
        results.append(found)
    for found in results:
        found["times_fastnn"] = ratio(found, results[0], "us_per_step") if results[0]["peer"] == "fastnn" else None
    about = {"name": case.name, "network": case.network, "setting": case.setting, "loss": case.loss}
    sizes = {"batch": case.batch, "samples": case.samples, "steps": case.steps, "flops_per_epoch": case.flops}
    return about | sizes | {"peak_gflops": of_peak, "results": results}


def _cases(session: Session, cases: dict[str, Case]) -> list[Case]:
    names = session.cases if session.cases is not None else QUICK_CASES if session.quick else tuple(cases)
    chosen = [cases[name] for name in names if name in cases]
    return [case.cut(QUICK_STEPS) for case in chosen] if session.quick else chosen


def measure(session: Session) -> list[dict[str, Any]]:
    return [measure_case(session, case) for case in session.shared(_cases(session, CASES))]


def measure_variants(session: Session) -> list[dict[str, Any]]:
    cases = _cases(session, VARIANTS)
    if session.quick and session.cases is None:
        cases = [case.cut(QUICK_STEPS) for case in VARIANTS.values()]
    return [measure_case(session, case) for case in session.shared(cases)]


def lines(cases: list[dict[str, Any]]) -> list[str]:
    """A table a case."""
    result: list[str] = []
    for case in cases:
        p = case["peak_gflops"]
        about = [case["network"], *([case["setting"]] if case["setting"] else []), case["loss"]]
        about += [f"batch {case['batch']}", f"{case['samples']:,} samples"]
        if p:
            about.append(f"peak {p['all_cores']:.0f} GFLOP/s, one core {p['one_core']:.0f}")
        rows = [("", "µs/step", "× fastnn", "GFLOP/s", "% of peak", "threads", "1st epoch, s")]
        for r in case["results"]:
            trusted = steady(r, "us_per_step")
            share = r["share_of_peak"]
            rows.append(
                (
                    PEERS[r["peer"]].label,
                    figure(r, "us_per_step"),
                    times(r["times_fastnn"]),
                    f"{r['gflops']:.3g}" if trusted else "–",
                    f"{100 * share:.1f}" if trusted and share is not None else "–",
                    str(r["threads"]),
                    f"{r['first_epoch_seconds']:.2g}",
                )
            )
        result += ["", f"{case['name']}: {', '.join(about)}", *columns(rows)]
    return result


MEANINGS = (
    (
        "µs/step",
        (
            "microseconds of a training step: the median over epochs and then over rounds, after a warm-up;"
            " from the least to the most where rounds differ by more than half, and then compared with nothing"
        ),
    ),
    ("× fastnn", "how many times as long as fastnn's a step takes"),
    ("GFLOP/s", "operations of the matrix products alone, divided by the whole time of training"),
    ("% of peak", "the same as a part of what all cores' multiply-add units could do, measured in the same rounds"),
    ("threads", "one or all, whichever was faster in a trial; fastnn chooses by itself"),
    ("1st epoch", "seconds from the data to the end of the first epoch: building, compiling, training"),
)
SECTION = Section("training", "Training", measure, lines, MEANINGS)
VARIANTS_SECTION = Section(
    "variants", "Training: other shapes, activations, optimizers and layers", measure_variants, lines, MEANINGS
)
