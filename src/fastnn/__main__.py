"""The command line: `fastnn COMMAND`, or `python -m fastnn COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fastnn import _info
from fastnn._version import __version__
from fastnn.commands import running


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


def _parser() -> argparse.ArgumentParser:
    from fastnn.bench import command
    from fastnn.commands import models, tables

    parser = argparse.ArgumentParser(prog="fastnn", description="Feed-forward neural networks on CPUs, fast.")
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error comes from, for bug reports")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    tables.add_commands(commands)
    models.add_commands(commands)

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
    show.add_argument("--epochs", type=running.positive, metavar="N", help="passes over the training data")
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
        0 when all went well, 1 when the command failed, 2 when the words were wrong, 130 when it was interrupted.
    """
    return running.run(_parser().parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
