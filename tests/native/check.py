"""Compiles the C floor by itself and checks it without Python in between: every kernel against plain loops, and the
worker pool, also under the thread sanitizer where the compiler has it. With `--compile`, only whether it compiles.

    python tests/native/check.py                                  gcc, every ISA of this machine
    python tests/native/check.py --cc clang --sanitize address,undefined
    python tests/native/check.py --cc aarch64-linux-gnu-gcc --machine aarch64 --run qemu-aarch64
    python tests/native/check.py --cc "clang --target=x86_64-w64-mingw32" --compile
    python tests/native/check.py --cc "clang --target=x86_64-w64-mingw32" --link=-L/folder/of/libgcc --run wine

Warnings are errors here. Flags come from setup.py, which has the only list of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREADS = ("check_threads.c", "check_pace.c")  # a program of their own


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cc", default="gcc", help="the compiler (default: %(default)s)")
    parser.add_argument("--machine", default=platform.machine().lower(), help="whose ISAs (default: %(default)s)")
    parser.add_argument("--run", default="", help="an emulator to run the program with")
    parser.add_argument("--compile", action="store_true", help="compile every file, and run none")
    parser.add_argument("--link", default="", help="further words for the compiler where it links")
    parser.add_argument("--sanitize", default="", help="sanitizers, as in FASTNN_SANITIZE")
    options = parser.parse_args()

    os.chdir(ROOT)
    build = runpy.run_path("setup.py", run_name="flags")
    native: Path = build["NATIVE"]
    isas = build["MACHINE_ISAS"].get(options.machine, build["OTHER_MACHINE_ISAS"])
    mode = ["-O0"] if options.compile else ["-O3"]
    if options.sanitize:
        mode = [f"-fsanitize={options.sanitize}", "-fno-sanitize-recover=all", "-g", "-O0"]
    shared = [*build["C_FLAGS"], *build["WARNINGS"], "-Werror", *mode, f"-I{native}"]
    have = [f"-DFASTNN_HAVE_{isa.upper()}" for isa in isas]
    compiler = shlex.split(options.cc)

    with tempfile.TemporaryDirectory() as folder:
        jobs = [(str(native / "dispatch.c"), "dispatch", have)]
        checks = [path for path in sorted(Path("tests/native").glob("*.c")) if path.name not in THREADS]
        jobs += [(str(path), path.stem, ["-O1"]) for path in checks]
        jobs += [
            (str(native / f"isa_{isa}.c"), f"{isa}{bits}", [f"-DFASTNN_REAL={bits}", *build["ISA_FLAGS"][isa]])
            for isa in isas
            for bits in (32, 64)
        ]

        if options.compile:
            plain = [path for path in native.glob("*.c") if not path.name.startswith(("isa_", "dispatch"))]
            jobs += [(str(path), path.stem, []) for path in plain]

        def compile_one(job: tuple[str, str, list[str]]) -> str:
            source, name, flags = job
            built = f"{folder}/{name}.o"
            subprocess.run([*compiler, *shared, *flags, "-c", source, "-o", built], check=True)
            return built

        with ThreadPoolExecutor(2) as pool:
            objects = list(pool.map(compile_one, reversed(jobs)))
        if options.compile:
            return 0
        program = f"{folder}/check_kernels.exe"  # Wine wants that name
        # an emulator has no shared libraries of the other machine
        link = [*shlex.split(options.link), *(["-static"] if options.run else [])]
        subprocess.run([*compiler, *mode, *objects, *link, "-lm", "-o", program], check=True)
        subprocess.run([*shlex.split(options.run), program], check=True)
        check_threads([*compiler, *shared], link, shlex.split(options.run), native, f"{folder}/check_threads.exe")
    return 0


def check_threads(compile_with: list[str], link: list[str], run: list[str], native: Path, program: str) -> None:
    sources = [*(f"tests/native/{name}" for name in THREADS), str(native / "threads.c"), str(native / "pace.c")]
    command = [*compile_with, *link, "-pthread", *sources, "-o", program]
    subprocess.run(command, check=True)
    # Under an emulator neither fork nor time is what it is elsewhere.
    subprocess.run([*run, program, *(["--watched"] if run else [])], check=True)
    if run or any(flag.startswith("-fsanitize") for flag in command):
        return
    if subprocess.run([*command, "-fsanitize=thread", "-g", "-O1"], stderr=subprocess.DEVNULL).returncode:
        print("SKIPPED: this compiler has no thread sanitizer")
        return
    subprocess.run([program, "--watched"], check=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} failed")
