"""`python -m fastnn bench`: which words it takes, and what it prints and writes."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import inference, kernels, memory, peak, startup, training
from .cases import CASES, VARIANTS
from .environment import describe, load
from .peers import PEERS
from .section import Section
from .session import Session

SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        peak.SECTION,
        training.SECTION,
        inference.SECTION,
        startup.SECTION,
        memory.SECTION,
        kernels.SECTION,
        training.VARIANTS_SECTION,
    )
}
USUAL = tuple(name for name in SECTIONS if name != "variants")
QUICK_PEERS = tuple(name for name in PEERS if name != "torch_compile")  # it compiles for half a minute per network
ROUNDS, SECONDS = 3, 1.0  # with every peer there is, under half an hour on two cores
QUICK_ROUNDS, QUICK_SECONDS, QUICK_LIMIT = 1, 0.2, 105.0
# Of a limited time, what each section may take for itself; what it leaves, others may have.
SHARES = {"peak": 2, "training": 50, "inference": 16, "startup": 14, "memory": 10, "kernels": 8, "variants": 50}
BUSY = 0.5  # load average


def python_of(text: str) -> dict[str, str]:
    """`torch,torch_compile=/path/to/python` as a dictionary."""
    names, equals, path = text.partition("=")
    unknown = [name for name in names.split(",") if name not in PEERS]
    if not equals or not path or unknown:
        raise argparse.ArgumentTypeError(f"expected PEER[,PEER]=PATH with peers of {list(PEERS)}. Received: {text!r}")
    if shutil.which(path) is None:
        raise argparse.ArgumentTypeError(f"expected the path of a program. Received: {text!r}")
    return dict.fromkeys(names.split(","), path)


def _positive(kind: type) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"expected a positive number. Received: {text}")
        return value

    convert.__name__ = f"positive {kind.__name__}"
    return convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tells a parser the words of this command."""
    every = (*CASES, *VARIANTS)
    parser.epilog = "Peers, if installed, and how they are run. " + " ".join(
        f"{peer.name}: {peer.how.replace('%', '%%')}." for peer in PEERS.values()
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a first look within two minutes: fewer cases, one short round")
    add(
        *("--group", "--groups"),
        nargs="+",
        choices=SECTIONS,
        metavar="GROUP",
        help=f"what to measure, of {', '.join(SECTIONS)} (default: all but variants)",
    )
    add("--cases", nargs="+", choices=every, metavar="CASE", help=f"trainings, of {', '.join(every)}")
    add(
        "--peers",
        nargs="*",
        choices=PEERS,
        metavar="PEER",
        help="whom to compare with (default: all installed; not torch_compile with --quick)",
    )
    add("--kernels", nargs="+", metavar="WORD", default=[], help="only kernels with one of these words in their name")
    add("--rounds", type=_positive(int), metavar="N", help=f"repeats (default: {ROUNDS}; {QUICK_ROUNDS} with --quick)")
    add(
        "--seconds",
        type=_positive(float),
        metavar="S",
        help=f"of training in a round (default: {SECONDS:g}; {QUICK_SECONDS:g} with --quick)",
    )
    add("--json", type=Path, metavar="FILE", help="write the results there")
    add("--plots", type=Path, metavar="DIR", help="draw pictures there; needs matplotlib")
    add("--show", type=Path, metavar="FILE", help="measure nothing; show what --json wrote")
    add(
        "--python",
        type=python_of,
        action="append",
        default=[],
        metavar="PEER[,PEER]=PATH",
        help="the Python that has these peers (default: the one that runs this)",
    )


def session_of(words: argparse.Namespace) -> tuple[Session, tuple[str, ...]]:
    """The run that the words ask for, and the names of its sections."""
    quick = words.quick
    groups = tuple(words.group) if words.group else USUAL
    if words.cases and not words.group:
        groups = tuple(name for name, of in (("training", CASES), ("variants", VARIANTS)) if set(words.cases) & set(of))
    elif words.kernels and not words.group:
        groups = ("kernels",)
    session = Session(
        peers=(QUICK_PEERS if quick else tuple(PEERS)) if words.peers is None else tuple(words.peers),
        pythons={name: path for one in words.python for name, path in one.items()},
        rounds=words.rounds or (QUICK_ROUNDS if quick else ROUNDS),
        seconds=words.seconds or (QUICK_SECONDS if quick else SECONDS),
        cases=words.cases,
        kernels=words.kernels,
        quick=quick,
        time_left=QUICK_LIMIT if quick else None,
    )
    return session, groups


def measure(session: Session, groups: Sequence[str]) -> dict[str, Any]:
    """Runs the sections and prints each as it is done; returns the whole result."""
    result: dict[str, Any] = {"environment": describe(), "load_at_start": load()}
    result["settings"] = {"rounds": session.rounds, "seconds": session.seconds, "quick": session.quick}
    print("\n".join(heading(result)), flush=True)
    for i, name in enumerate(groups):
        weights = [SHARES[other] for other in groups[i:]]
        session.allow(weights[0] / sum(weights))
        result[name] = SECTIONS[name].measure(session)
        print("\n".join(shown(name, result[name])), flush=True)
    result["peers"] = {
        name: {"label": peer.label, "training": peer.training, "inference": peer.inference}
        | {"versions": session.versions[name]}
        for name, peer in PEERS.items()
        if name in session.versions
    }
    result |= {"skipped": session.skipped, "failures": session.failures, "unfinished": session.unfinished}
    print("\n".join(remarks(result)), flush=True)
    return result


def heading(result: dict[str, Any]) -> list[str]:
    """On what was measured."""
    e = result["environment"]
    commit = (e["commit"] or "no checkout")[:12]
    lines = [
        f"fastnn {e['fastnn']} ({commit}), {e['isa']}, {e['threads']} threads, {e['compiler']}",
        f"{e['cpu']}, {e['cores']} cores; Python {e['python']}, NumPy {e['numpy']}",
    ]
    if (load := result.get("load_at_start", 0)) > BUSY:
        lines.append(f"The machine is busy (load {load:.1f}): figures will be too high, most so for many threads.")
    return lines


def shown(name: str, value: Any) -> list[str]:
    """A section's tables, and what its figures mean."""
    section = SECTIONS[name]
    meanings = [f"  {figure}: {meaning}." for figure, meaning in section.meanings]
    return ["", f"== {section.title}", *section.lines(value), "", *meanings]


def remarks(result: dict[str, Any]) -> list[str]:
    """How the peers were run, and who was left out."""
    lines = ["", "How each is run:"]
    for name, about in result["peers"].items():
        how = "; ".join(about[what] for what in ("training", "inference") if about.get(what))
        versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
        lines.append(f"  {PEERS[name].label} ({versions}): {how}.")
    lines += [f"{PEERS[name].label} was left out. {reason}" for name, reason in result.get("skipped", {}).items()]
    lines += [f"No figure: {failure}" for failure in result.get("failures", ())]
    if result.get("unfinished"):
        parts = [f"{what} ({', '.join(who)})" for what, who in result["unfinished"].items()]
        lines.append(f"Left out for lack of time: {'; '.join(parts)}.")
    return lines


def described(result: dict[str, Any]) -> str:
    """What a result says, as it was printed when it had just been measured."""
    lines = heading(result)
    for name in SECTIONS:
        if name in result:
            lines += shown(name, result[name])
    return "\n".join([*lines, *remarks(result)])


def _check_destinations(words: argparse.Namespace) -> None:
    """Raises `OSError` where a result or its pictures could not be written, before they are measured."""
    for name, path, fits in (("--json", words.json, "a file"), ("--plots", words.plots, "a folder")):
        if path is None:
            continue
        taken = path.is_dir() if fits == "a file" else path.exists() and not path.is_dir()
        if taken or not path.resolve().parent.is_dir():
            raise OSError(f"{name} must name {fits} in a folder that is there. Received: {name} {path}")


def _check_kernels(words: argparse.Namespace) -> None:
    """Raises `ValueError` for a word that is in the name of no kernel."""
    if not words.kernels:
        return
    from .kernel_pairs import pairs

    known = sorted({pair.kernel for pair in pairs()})
    strange = [word for word in words.kernels if not any(word in name for name in known)]
    if strange:
        raise ValueError(
            f"--kernels must name words of these kernels: {', '.join(known)}. Received: {', '.join(strange)}"
        )


def run(words: argparse.Namespace) -> int:
    """Measures, or shows, what the words ask for; returns the exit code.

    Raises:
        ImportError: matplotlib is not installed, and pictures are wanted.
        OSError: A file is not there, or cannot be written.
        FileError: A file is no result.
        ValueError: There is no such kernel.
    """
    from fastnn.files import FileError, replacing

    if words.plots is not None:
        try:
            from . import plots
        except ImportError as error:
            raise ImportError(f"--plots needs matplotlib: pip install 'fastnn-cpu[bench]'. {error}") from error
    _check_destinations(words)
    _check_kernels(words)
    if words.show is not None:
        content = words.show.read_bytes()
        try:
            result = json.loads(content)
            text = described(result)
        except Exception as error:  # whatever another thing in the place of a result makes of it
            why = f"it is no result that --json wrote: {type(error).__name__}: {str(error)[:200]}"
            raise FileError(words.show, why) from error
        print(text)
    else:
        result = measure(*session_of(words))
    if words.json is not None:
        with replacing(words.json) as file:
            file.write((json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    if words.plots is not None:
        for path in plots.draw(result, words.plots):
            print(path)
    return 0
