"""Runs one task in a process of its own and prints its result as a line of JSON: `child.py '{"task": ...}'`.

`session.py` starts it with the Python that has the peer, which needs nothing but the peer and NumPy.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = "fastnn_bench"  # this folder, under a name that does not need fastnn to be there


def load(module: str) -> Any:
    """Imports a module of this folder."""
    if PACKAGE not in sys.modules:
        # This script's folder must not be searched: what lies in it is named like other packages.
        sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
        spec = importlib.util.spec_from_file_location(
            PACKAGE, HERE / "__init__.py", submodule_search_locations=[str(HERE)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[PACKAGE])
    return importlib.import_module(f"{PACKAGE}.{module}")


def main(request: dict[str, Any]) -> int:
    """Runs the task that is asked for; the exit codes are those that `session.py` knows."""
    peer = None
    start = time.perf_counter()
    if request["peer"]:
        try:
            peer = load(f"peers.{request['peer']}")
        except ModuleNotFoundError as error:
            print(f"no module {error.name}", file=sys.stderr)
            return 3
    request["import_seconds"] = time.perf_counter() - start
    tasks = load("tasks")
    try:
        result = tasks.TASKS[request["task"]](peer, request)
    except NotImplementedError as error:
        print(error, file=sys.stderr)
        return 4
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
