"""Builds fastnn._kernels: the Cython door, and the C floor below it with its own flags for each instruction set.

Environment:
    FASTNN_DEBUG=1                        assertions and Cython's checks on, symbols kept
    FASTNN_SANITIZE=address,undefined     the same, and built for these sanitizers
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

NATIVE = Path("src/fastnn/_native")

# The one list of what each instruction set asks of the compiler: gcc, clang, or on Windows clang-cl, see `spelled`.
ISA_FLAGS: dict[str, list[str]] = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": [
        *("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mavx2", "-mfma", "-mf16c", "-mprfchw"),
        "-mprefer-vector-width=512",
    ],
    "neon": [],
}
MACHINE_ISAS = {
    "x86_64": ["baseline", "avx2", "avx512"],
    "amd64": ["baseline", "avx2", "avx512"],
    "aarch64": ["neon"],
    "arm64": ["neon"],
}
OTHER_MACHINE_ISAS = ["baseline"]

# Results must depend on the instruction set alone, so the compiler may not contract a·b + c on its own.
C_FLAGS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
]
WARNINGS = ["-Wall", "-Wextra"]

DEBUG = os.environ.get("FASTNN_DEBUG", "0") not in ("", "0")
SANITIZE = os.environ.get("FASTNN_SANITIZE", "")
if SANITIZE:
    VARIANT = "sanitize-" + SANITIZE.replace(",", "-")
    MODE_FLAGS = [
        "-O0",  # a quarter of the time to compile of -O1
        "-g",
        "-UNDEBUG",
        "-fno-omit-frame-pointer",
        f"-fsanitize={SANITIZE}",
        "-fno-sanitize-recover=all",
    ]
    LINK_FLAGS = ["-pthread", f"-fsanitize={SANITIZE}"]
elif DEBUG:
    VARIANT = "debug"
    MODE_FLAGS = ["-Og", "-g", "-UNDEBUG"]
    LINK_FLAGS = ["-pthread"]
else:
    VARIANT = "release"
    MODE_FLAGS = [
        "-O3",
        "-g0",
        "-fno-asynchronous-unwind-tables",
    ]  # nothing is thrown through C: 42 kB less in the wheel
    LINK_FLAGS = ["-pthread"] + (["-Wl,-s"] if sys.platform.startswith("linux") else [])
CHECKED = DEBUG or bool(SANITIZE)
if sys.platform == "win32":
    C_FLAGS += ["-D_CRT_SECURE_NO_WARNINGS"]  # Windows calls fopen and getenv insecure
    LIBRARIES, LINK_FLAGS = [], []
else:
    C_FLAGS += ["-pthread"]
    LIBRARIES = ["m"]

CYTHON_DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    "boundscheck": CHECKED,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "overflowcheck": CHECKED,
    "wraparound": False,
    "cdivision": True,
}


def target_machine() -> str:
    """The machine that is compiled for; not always the one that compiles."""
    machine = sysconfig.get_platform().rsplit("-", 1)[-1].lower()
    if machine == "universal2":
        machine = platform.machine().lower()
        os.environ.setdefault("ARCHFLAGS", f"-arch {machine}")
    return machine


def take_clang_cl(compiler: Any) -> None:
    """Has setuptools' compiler for Windows run clang-cl: Microsoft's own has no C11 atomics and no such vectors."""
    clang = shutil.which("clang-cl")
    if clang is None:
        raise CompileError("fastnn needs clang-cl, of LLVM or of Visual Studio, on the PATH. Received: none")
    if not compiler.initialized:
        compiler.initialize()
    compiler.cc = clang
    compiler.compile_options = [flag for flag in compiler.compile_options if flag != "/GL"]  # clang-cl knows it not


def spelled(flags: list[str], kind: str) -> list[str]:
    """The flags as a compiler of this kind wants them: clang-cl passes to clang what comes behind /clang:."""
    return [f"/clang:{flag}" for flag in flags] if kind == "msvc" else flags


class BuildKernels(build_ext):
    """Compiles each object with its own flags, and only those whose source or any header is newer."""

    def build_extension(self, ext: Extension) -> None:
        import numpy
        from Cython.Build import cythonize

        machine = target_machine()
        isas = MACHINE_ISAS.get(machine, OTHER_MACHINE_ISAS)
        kind = self.compiler.compiler_type
        if kind == "msvc":
            take_clang_cl(self.compiler)
        elif kind != "unix":
            raise CompileError(f"fastnn needs gcc, clang or clang-cl. Received: a compiler of the kind {kind!r}")

        work = Path(self.build_temp) / VARIANT
        (door,) = cythonize(
            [Extension(ext.name, ext.sources)],
            build_dir=str(work / "cython"),
            compiler_directives=CYTHON_DIRECTIVES,
            quiet=True,
        )
        plain = sorted(str(path) for path in NATIVE.glob("*.c") if not path.name.startswith("isa_"))
        have = [(f"FASTNN_HAVE_{isa.upper()}", "1") for isa in isas]
        includes = [str(NATIVE), str(NATIVE.parent)]
        numpy_macros = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]

        # (source, folder of its object, include folders, macros, flags)
        jobs = [(door.sources[0], work / "plain", [*includes, numpy.get_include()], have + numpy_macros, C_FLAGS)]
        jobs += [(source, work / "plain", includes, have, C_FLAGS + WARNINGS) for source in plain]
        for isa in isas:
            for bits in ("32", "64"):
                flags = C_FLAGS + WARNINGS + ISA_FLAGS[isa]
                source = str(NATIVE / f"isa_{isa}.c")
                jobs.append((source, work / f"f{bits}", includes, [("FASTNN_REAL", bits)], flags))

        headers = max(path.stat().st_mtime for path in [Path(__file__), *NATIVE.glob("*.h")])

        def compile_one(job: tuple) -> str:
            source, folder, include_dirs, macros, flags = job
            (name,) = self.compiler.object_filenames([source], output_dir=str(folder))
            built = Path(name)
            fresh = built.exists() and built.stat().st_mtime > max(headers, Path(source).stat().st_mtime)
            if self.force or not fresh:
                built.parent.mkdir(parents=True, exist_ok=True)
                self.compiler.compile(
                    [source],
                    output_dir=str(folder),
                    include_dirs=include_dirs,
                    macros=macros,
                    extra_postargs=spelled(flags + MODE_FLAGS, kind),
                )
            return name

        # The longest compilations (avx512) come last in the list of ISAs and should start first.
        with ThreadPoolExecutor(self.parallel or 2) as pool:
            try:
                objects = list(pool.map(compile_one, reversed(jobs)))
            except CompileError as error:
                if machine in MACHINE_ISAS:
                    raise
                raise CompileError(f"fastnn has no kernels for {machine}: {error}") from error
        self.compiler.link_shared_object(
            objects,
            self.get_ext_fullpath(ext.name),
            libraries=self.get_libraries(ext) + LIBRARIES,
            extra_postargs=LINK_FLAGS,
            export_symbols=self.get_export_symbols(ext),
            build_temp=str(work),
        )


if __name__ == "__main__":  # tests/native/check.py reads the flags above
    setup(
        ext_modules=[Extension("fastnn._kernels", ["src/fastnn/_kernels.pyx"])],
        cmdclass={"build_ext": BuildKernels},
    )
