"""One run of the suite: which peers, under which Python, how often and how long; and their processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from .cases import Case
from .environment import child_environment, cores
from .peers import PEERS, Peer

Item = TypeVar("Item")
CHILD = Path(__file__).with_name("child.py")
CHILD_TIMEOUT = 1200.0
NOT_INSTALLED, NOT_SUPPORTED = 3, 4  # exit codes of a child
THREADS_PAY = 1e7  # operations in a step, about, above which a quick run uses all cores without trying


class Failure(Exception):
    """A measurement that gave no figure."""


class NotInstalled(Failure):
    """The peer, or what it needs, is not installed."""


class NotSupported(Failure):
    """The peer does not do such a thing."""


class OutOfTime(Failure):
    """A quick run has no time left."""


class Progress:
    """A line that changes in place in a terminal; elsewhere, only whole rounds are told."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.start = time.monotonic()

    def step(self, text: str) -> None:
        """What is being done now."""
        if self.live:
            print(f"\r\033[K[{time.monotonic() - self.start:4.0f} s] {text}", end="", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """What is worth keeping."""
        clear = "\r\033[K" if self.live else ""
        print(f"{clear}[{time.monotonic() - self.start:4.0f} s] {text}", file=sys.stderr, flush=True)


@dataclass
class Session:
    """One run of the suite.

    Args:
        peers: Names of those to compare with; fastnn is always among them.
        pythons: By peer, the Python that has it; the one that runs this for all others.
        rounds: How often everything is repeated, peers taking turns.
        seconds: How long one measurement lasts, about.
        cases: Names of the cases to train, or None for all that a section has.
        kernels: Words, one of which the name of a kernel must hold; none for all kernels.
        quick: Whether to be content with a first look.
        time_left: Seconds for all of it; None for no limit.

    Attributes:
        skipped: By peer that is not installed, what is missing.
        failures: What went wrong.
        versions: By peer, the versions of what it is made of.
        unfinished: What the limit of time left out: peers by what they would have done.
    """

    peers: Sequence[str] = tuple(PEERS)
    pythons: dict[str, str] = field(default_factory=dict)
    rounds: int = 1
    seconds: float = 0.3
    cases: Sequence[str] | None = None
    kernels: Sequence[str] = ()
    quick: bool = False
    time_left: float | None = None

    def __post_init__(self) -> None:
        self.progress = Progress()
        self.skipped: dict[str, str] = {}
        self.failures: list[str] = []
        self.broken: set[str] = set()  # peers that failed in the case at hand
        self.versions: dict[str, dict[str, str]] = {}
        self.unfinished: dict[str, list[str]] = {}
        self.end = None if self.time_left is None else time.monotonic() + self.time_left
        self.section_end = self.deadline = self.end

    def allow(self, share: float) -> None:
        """Lets the section that comes next take this part of the time that is left, where time is limited."""
        if self.end is not None:
            now = time.monotonic()
            self.section_end = self.deadline = now + share * (self.end - now)

    def shared(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, one after the other; each may take its part of the section's time."""
        waiting = list(items)
        while waiting:
            if self.section_end is not None:
                now = time.monotonic()
                self.deadline = now + (self.section_end - now) / len(waiting)
            yield waiting.pop(0)

    def round_of(self, what: str, number: int) -> str:
        """What is being done, and in which round of several."""
        return what if self.rounds == 1 else f"{what}, round {number + 1} of {self.rounds}"

    def turns(self, names: Sequence[str], what: str) -> Iterator[tuple[int, list[Peer]]]:
        """Rounds: the number of each, and the peers in their order, which moves on by one each time."""
        peers = [PEERS[name] for name in names if name == "fastnn" or name in self.peers]
        self.broken = set()
        for r in range(self.rounds):
            self.progress.step(self.round_of(what, r))
            first = r % len(peers)
            yield (
                r,
                [peer for peer in peers[first:] + peers[:first] if peer.name not in self.skipped.keys() | self.broken],
            )

    def run(self, task: str, threads: int, peer: Peer | None = None, **request: Any) -> dict[str, Any]:
        """One measurement, in a process of its own.

        Args:
            task: Name of a function of `tasks`.
            threads: How many the process may use.
            peer: What to measure; without one, the task knows itself.
            request: What the task takes; a `Case` where it takes one.

        Returns:
            What the task returned.

        Raises:
            NotInstalled: The peer is not there.
            NotSupported: The peer cannot do such a thing.
            Failure: Anything else went wrong.
        """
        timeout = CHILD_TIMEOUT
        if self.deadline is not None:
            timeout = min(timeout, self.deadline - time.monotonic())
            if timeout < 1:
                raise OutOfTime("out of time")
        request = {k: vars(v) if isinstance(v, Case) else v for k, v in request.items()}
        request |= {"task": task, "peer": peer.name if peer else None, "started": time.monotonic()}
        request["distributions"] = peer.distributions if peer else ()
        python = self.pythons.get(peer.name, sys.executable) if peer else sys.executable
        try:
            done = subprocess.run(
                [python, str(CHILD), json.dumps(request)],
                capture_output=True,
                text=True,
                check=False,
                env=child_environment(threads),
                timeout=timeout,
            )
        except OSError as error:
            raise Failure(f"not started: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise (Failure if self.deadline is None else OutOfTime)(f"no result after {timeout:.0f} s") from error
        last = done.stderr.strip()[-500:]
        if done.returncode == NOT_INSTALLED:
            raise NotInstalled(f"not installed: {last}")
        if done.returncode == NOT_SUPPORTED:
            raise NotSupported(last)
        if done.returncode:
            raise Failure(f"exit code {done.returncode}: {last}")
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if peer:
            self.versions[peer.name] = result.pop("versions")
        return result

    def attempt(self, peer: Peer, what: str, measure: Any) -> Any:
        """What `measure()` returns; None, with the reason noted, where the peer gives no figure.

        Raises:
            SystemExit: fastnn itself failed.
        """
        self.progress.step(f"{what}: {peer.label}")
        try:
            return measure()
        except OutOfTime:
            self.unfinished.setdefault(what, []).append(peer.label)
        except NotInstalled as failure:
            self.skipped[peer.name] = str(failure)
            self.progress.line(f"{peer.label} is left out. {failure}")
        except NotSupported:
            pass  # a dash in the table says it
        except Failure as failure:
            if peer.name == "fastnn":
                raise SystemExit(f"fastnn, {what}: {failure}") from failure
            self.broken.add(peer.name)
            self.failures.append(f"{peer.label}, {what}: {failure}")
            self.progress.line(self.failures[-1])
        return None

    def best_threads(self, peer: Peer, operations: float, trial: Any) -> int:
        """One thread or all of them, whichever is faster for this peer.

        Args:
            peer: Who is measured.
            operations: Of a step, for a guess where there is no time to try.
            trial: Called with a number of threads, returns how long things take.
        """
        everything = cores()
        if not peer.tune_threads or everything == 1:
            return everything
        if self.quick:
            return everything if operations > THREADS_PAY else 1
        found = {n: trial(n) for n in (1, everything)}
        return min(found, key=lambda n: found[n])
