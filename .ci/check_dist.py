"""Checks what a source distribution and a wheel hold: `python .ci/check_dist.py dist/*`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

LARGEST_WHEEL = 2 * 1024 * 1024
SOURCES = {".c", ".h", ".pyx", ".pxd", ".pxi"}
WHEEL_KINDS = {".py", ".pyi", ".so", ".pyd", ".typed"}


def check_wheel(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
    package = [name for name in names if name.parts[0] == "fastnn"]
    others = {name.parts[0] for name in names} - {"fastnn"}
    problems = [f"holds {name}" for name in package if name.suffix not in WHEEL_KINDS]
    problems += [f"holds {name}" for name in sorted(others) if not name.endswith(".dist-info")]
    problems += [
        f"has no fastnn/{wanted}"
        for wanted in ("py.typed", "_kernels.pyi", "__init__.py")
        if PurePosixPath("fastnn", wanted) not in package
    ]
    if not any(name.match("fastnn/_kernels.*") and name.suffix in (".so", ".pyd") for name in package):
        problems.append("has no compiled fastnn/_kernels")
    if not any(name.name == "LICENSE" for name in names):
        problems.append("has no LICENSE")
    if path.stat().st_size > LARGEST_WHEEL:
        problems.append(f"is {path.stat().st_size:,} bytes, more than {LARGEST_WHEEL:,}")
    return problems


def check_sdist(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in archive.getnames()}
    root = Path(__file__).parents[1]
    wanted = {
        PurePosixPath(source.relative_to(root).as_posix())
        for source in (root / "src" / "fastnn").rglob("*")
        if source.suffix in SOURCES | {".py", ".pyi", ".typed"} and source.name != "_kernels.c"
    }
    wanted |= {
        PurePosixPath(name) for name in ("setup.py", "pyproject.toml", "LICENSE", "README.md", "tests/conftest.py")
    }
    problems = [f"lacks {name}" for name in sorted(wanted - names)]
    problems += [f"holds {name}" for name in sorted(names) if name.suffix in (".so", ".o", ".pyc")]
    return problems


def main(paths: list[str]) -> int:
    failed = False
    for path in map(Path, paths):
        problems = check_wheel(path) if path.suffix == ".whl" else check_sdist(path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
        for problem in problems:
            print(f"  {problem}")
        failed |= bool(problems)
    return int(failed or not paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
