"""The command line: `python -m fastnn info`, `python -m fastnn demo`, `python -m fastnn bench`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fastnn import _info
from fastnn._version import __version__


def _info_command(arguments: argparse.Namespace) -> int:
    _info.show_versions()
    return 0


def _demo_command(arguments: argparse.Namespace) -> int:
    from fastnn import demo

    options = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    return demo.main(arguments.output, **options)


def _bench_command(arguments: argparse.Namespace) -> int:
    from fastnn.bench import command

    return command.run(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number. Received: {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    from fastnn.bench import command

    parser = argparse.ArgumentParser(prog="fastnn", description="Feed-forward neural networks on CPUs, fast.")
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    info = commands.add_parser("info", help="show version, instruction set, threads and compiler")
    info.set_defaults(run=_info_command)

    text = "train a classifier of handwritten digits and compare it with plain NumPy"
    show = commands.add_parser("demo", help=text, description=text.capitalize() + ".")
    show.add_argument(
        "--output",
        type=Path,
        default=Path("learning_curve.png"),
        metavar="PNG",
        help="where the picture of the learning curve goes (default: %(default)s)",
    )
    show.add_argument("--epochs", type=_positive, metavar="N", help="passes over the training data")
    show.set_defaults(run=_demo_command)

    text = "measure how fast it is, beside whatever else is installed"
    bench = commands.add_parser("bench", help=text, description=text.capitalize() + ".")
    command.add_arguments(bench)
    bench.set_defaults(run=_bench_command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: The words after the program's name. Those of the process by default.

    Returns:
        0 when all went well.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
