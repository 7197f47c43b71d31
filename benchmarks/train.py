"""Trains the same networks with fastnn and with its peers, and prints how long a step takes.

    python benchmarks/train.py                                     every case, every peer that is installed
    python benchmarks/train.py --quick                             fewer and smaller cases, one short round
    python benchmarks/train.py --cases seed mnist --peers numpy    some of them; fastnn always runs
    python benchmarks/train.py --python torch,torch_compile=/path/to/python --json result.json

Every measurement is a process of its own. The peers take turns, round after round, so that a machine whose speed
drifts treats all alike, and the FMA peak is measured in each round too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cases import CASES, QUICK_CASES, Case
from child import NOT_INSTALLED
from environment import child_environment, cores, describe
from peak import Peak
from peak import measure as measure_peak
from peers import PEERS, Peer

CHILD = Path(__file__).with_name("child.py")
CHILD_TIMEOUT = 1200.0
QUICK_PEERS = tuple(name for name in PEERS if name != "torch_compile")  # it compiles for half a minute per network
BUSY = 0.5  # load average
UNSTEADY = 1.5  # times the fastest round's, the slowest's
QUICK_STEPS = 32  # at most, in an epoch
THREADS_PAY = 1e7  # operations in a step, about, above which --quick uses all cores without trying

MEANINGS = (
    ("µs/step", "microseconds of a training step: the median over epochs and then over rounds, after a warm-up"),
    ("× fastnn", "how many times as long as fastnn's a step takes"),
    ("GFLOP/s", "operations of the matrix products alone, divided by the whole time of training"),
    ("% of peak", "the same as a part of what all cores' multiply-add units could do, measured in the same rounds"),
    ("threads", "one or all, whichever was faster in a trial; fastnn chooses by itself"),
    ("1st epoch", "seconds from the data to the end of the first epoch: building, compiling, training"),
    ("import", "seconds of importing the peer, NumPy included"),
)


class Failure(Exception):
    """A peer that cannot be measured."""


class Progress:
    """A line that changes in place in a terminal; elsewhere, only whole rounds are told."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.start = time.monotonic()

    def step(self, text: str) -> None:
        if self.live:
            print(f"\r\033[K[{time.monotonic() - self.start:4.0f} s] {text}", end="", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        clear = "\r\033[K" if self.live else ""
        print(f"{clear}[{time.monotonic() - self.start:4.0f} s] {text}", file=sys.stderr, flush=True)


def run_child(python: str, peer: Peer, case: Case, threads: int, seconds: float) -> dict[str, Any]:
    """One measurement in a process of its own; raises Failure with the reason where there is none."""
    command = [python, str(CHILD), peer.name, case.name, "--steps", str(case.steps), "--seconds", str(seconds)]
    try:
        done = subprocess.run(
            [*command, "--distributions", *peer.distributions],
            capture_output=True,
            text=True,
            check=False,
            env=child_environment(threads),
            timeout=CHILD_TIMEOUT,
        )
    except OSError as error:
        raise Failure(f"not started: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no result after {CHILD_TIMEOUT:.0f} s") from error
    if done.returncode == NOT_INSTALLED:
        raise Failure(f"not installed: {done.stderr.strip()}")
    if done.returncode:
        raise Failure(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if not result["loss_at_end"] < result["loss_before"]:
        raise Failure(f"did not learn: loss {result['loss_before']:.4f} before, {result['loss_at_end']:.4f} after")
    result["us_per_step"] = statistics.median(result.pop("seconds")) / case.steps * 1e6
    return result


class Suite:
    """What is measured, how, and what came of it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.cases = [CASES[name].cut(QUICK_STEPS) if arguments.quick else CASES[name] for name in arguments.cases]
        self.peers = [PEERS[name] for name in PEERS if name == "fastnn" or name in arguments.peers]
        self.pythons = arguments.python
        self.repeats: int = arguments.repeats
        self.seconds: float = arguments.seconds
        self.quick: bool = arguments.quick
        self.skipped: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.environment = describe()
        self.progress = Progress()

    def child(self, peer: Peer, case: Case, threads: int, seconds: float) -> dict[str, Any]:
        result = run_child(self.pythons.get(peer.name, sys.executable), peer, case, threads, seconds)
        self.versions[peer.name] = result.pop("versions")
        return result

    def threads(self, peer: Peer, case: Case) -> int:
        """One thread or all of them, whichever is faster for this peer and case."""
        everything = cores()
        if not peer.tune_threads or everything == 1:
            return everything
        if self.quick:
            return everything if case.flops / case.steps > THREADS_PAY else 1
        trials = {n: self.child(peer, case, n, self.seconds / 4)["us_per_step"] for n in (1, everything)}
        return min(trials, key=lambda n: trials[n])

    def run_case(self, case: Case) -> dict[str, Any]:
        """All rounds of a case: results by peer, and the peak."""
        runs: dict[str, list[dict[str, Any]]] = {}
        threads: dict[str, int] = {}
        peaks: list[Peak] = []
        for r in range(self.repeats):
            self.progress.step(f"{case.name}, round {r + 1} of {self.repeats}: peak")
            peak = measure_peak(self.environment["isa"], "float32", 0.2)
            peaks += [peak] if peak else []
            told = []
            for peer in self.peers[r % len(self.peers) :] + self.peers[: r % len(self.peers)]:
                if peer.name in self.skipped:
                    continue
                self.progress.step(f"{case.name}, round {r + 1} of {self.repeats}: {peer.label}")
                try:
                    if peer.name not in threads:
                        threads[peer.name] = self.threads(peer, case)
                    result = self.child(peer, case, threads[peer.name], self.seconds)
                except Failure as failure:
                    if peer.name == "fastnn":
                        raise SystemExit(f"fastnn, {case.name}: {failure}") from failure
                    self.skipped[peer.name] = str(failure)
                    self.progress.line(f"{peer.label} is left out. {failure}")
                    continue
                runs.setdefault(peer.name, []).append(result)
                told.append(f"{peer.label} {result['us_per_step']:.4g}")
            self.progress.line(f"{case.name}, round {r + 1} of {self.repeats}, µs/step: {', '.join(told)}")
        return self._summary(case, runs, threads, peaks)

    def _summary(
        self, case: Case, runs: dict[str, list[dict[str, Any]]], threads: dict[str, int], peaks: list[Peak]
    ) -> dict[str, Any]:
        def median(name: str, key: str) -> float:
            return statistics.median(run[key] for run in runs[name])

        peak = None
        if peaks:
            one, everything = (statistics.median(getattr(p, which) for p in peaks) for which in ("one", "all"))
            peak = {"one_core": significant(one), "all_cores": significant(everything)}
        results = []
        for peer in self.peers:
            if peer.name not in runs:
                continue
            step = median(peer.name, "us_per_step")
            rate = case.flops / case.steps / step / 1e3
            results.append(
                {
                    "peer": peer.name,
                    "threads": threads[peer.name],
                    "us_per_step": significant(step),
                    "us_per_step_of_rounds": [significant(run["us_per_step"]) for run in runs[peer.name]],
                    "times_fastnn": significant(step / median("fastnn", "us_per_step")),
                    "gflops": significant(rate),
                    "share_of_peak": significant(rate / peak["all_cores"]) if peak else None,
                    "first_epoch_seconds": significant(median(peer.name, "first_epoch_seconds")),
                    "import_seconds": significant(median(peer.name, "import_seconds")),
                    "loss_before": significant(median(peer.name, "loss_before")),
                    "loss_after_one_epoch": significant(median(peer.name, "loss_after_one_epoch")),
                }
            )
        about = {"name": case.name, "network": case.network, "loss": case.loss, "batch": case.batch}
        sizes = {"samples": case.samples, "steps": case.steps, "flops_per_epoch": case.flops}
        return about | sizes | {"peak_gflops": peak, "results": results}

    def run(self) -> dict[str, Any]:
        cases = []
        for case in self.cases:
            cases.append(self.run_case(case))
            print("\n".join(table(cases[-1])), flush=True)
        peers = {
            peer.name: {"label": peer.label, "how": peer.how, "versions": self.versions[peer.name]}
            for peer in self.peers
            if peer.name in self.versions
        }
        settings = {"repeats": self.repeats, "seconds": self.seconds, "quick": self.quick}
        return {
            "environment": self.environment,
            "settings": settings,
            "peers": peers,
            "skipped": self.skipped,
            "cases": cases,
        }


def significant(value: float) -> float:
    """Four figures: more would be noise."""
    return float(f"{value:.4g}")


def table(case: dict[str, Any]) -> list[str]:
    """Lines of text for one case's results."""
    peak = case["peak_gflops"]
    lines = [
        "",
        f"{case['name']}: {case['network']}, {case['loss']}, batch {case['batch']}, {case['samples']:,} samples"
        + (f"; peak {peak['all_cores']:.0f} GFLOP/s, one core {peak['one_core']:.0f}" if peak else "; no peak"),
        f"{'':15}{'µs/step':>12}{'× fastnn':>10}{'GFLOP/s':>9}{'% of peak':>11}{'threads':>9}{'1st epoch':>11}  import",
    ]
    for r in case["results"]:
        share = "–" if r["share_of_peak"] is None else f"{100 * r['share_of_peak']:.1f}"
        lines.append(
            f"{PEERS[r['peer']].label:15}{r['us_per_step']:>12,.5g}{r['times_fastnn']:>10.3g}{r['gflops']:>9.3g}"
            f"{share:>11}{r['threads']:>9}{r['first_epoch_seconds']:>11.2g}{r['import_seconds']:>8.2g}"
        )
    return lines


def unsteady_figures(result: dict[str, Any]) -> list[str]:
    """Cases and peers whose rounds say different things: something else ran."""
    return [
        f"{case['name']} of {PEERS[r['peer']].label}"
        for case in result["cases"]
        for r in case["results"]
        if max(r["us_per_step_of_rounds"]) > UNSTEADY * min(r["us_per_step_of_rounds"])
    ]


def python_of(text: str) -> dict[str, str]:
    """`torch,torch_compile=/path/to/python` as a dictionary."""
    names, equals, path = text.partition("=")
    unknown = [name for name in names.split(",") if name not in PEERS]
    if not equals or unknown:
        raise argparse.ArgumentTypeError(f"expected PEER[,PEER]=PATH with peers of {list(PEERS)}. Received: {text!r}")
    return dict.fromkeys(names.split(","), path)


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Trains the same networks with fastnn and with its peers.",
        epilog="Peers: " + "; ".join(f"{peer.name}: {peer.how}" for peer in PEERS.values()),
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--peers", nargs="*", choices=PEERS, metavar="PEER", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds (default: 5; 1 with --quick)")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="of training in a round (default: 2; 0.3 with --quick)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a first look, in two minutes: fewer cases, one short round"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument(
        "--python",
        type=python_of,
        action="append",
        default=[],
        metavar="PEER[,PEER]=PATH",
        help="the Python that has these peers installed (default: the one that runs this)",
    )
    arguments = parser.parse_args(None if words is None else list(words))
    quick = arguments.quick
    arguments.cases = arguments.cases or list(QUICK_CASES if quick else CASES)
    arguments.peers = list(QUICK_PEERS if quick else PEERS) if arguments.peers is None else arguments.peers
    arguments.repeats = arguments.repeats or (1 if quick else 5)
    arguments.seconds = arguments.seconds or (0.3 if quick else 2.0)
    arguments.python = {name: path for one in arguments.python for name, path in one.items()}
    if arguments.repeats < 1 or arguments.seconds <= 0:
        parser.error(
            f"expected positive numbers. Received: --repeats {arguments.repeats} --seconds {arguments.seconds}"
        )
    return arguments


def main() -> int:
    arguments = parse()
    suite = Suite(arguments)
    about = suite.environment
    commit = (about["commit"] or "no checkout")[:12]
    print(f"fastnn {about['fastnn']} ({commit}), {about['isa']}, {about['threads']} threads, {about['compiler']}")
    print(f"{about['cpu']}, {about['cores']} cores; Python {about['python']}, NumPy {about['numpy']}", flush=True)
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"The machine is busy (load {load:.1f}): figures will be too high, and unfairly so for many threads.")
    result = suite.run() | {"load_at_start": load}
    print()
    if unsteady := unsteady_figures(result):
        print(f"Rounds differ more than {UNSTEADY:g} times, so do not rely on {', '.join(unsteady)}.")
    for name, reason in result["skipped"].items():
        print(f"{PEERS[name].label} was left out. {reason}")
    for name, meaning in MEANINGS:
        print(f"{name}: {meaning}.")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
