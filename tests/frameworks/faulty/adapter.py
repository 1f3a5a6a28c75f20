"""What can happen to a worker, on request: the precision names the misfortune."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.events import Log, Progress
from backends.domain.metric import TokenMeasurement
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import Availability, JobContext, OptimizeRequest

LOADS = {"count": 0}
LEAKED: list[bytes] = []


class FaultySession:
    """A deterministic language model over eight ids, which dies where its artifact says so."""

    details = ("test double",)
    warnings = ()
    device = "CPU"
    threads = 1
    vocabulary = 8

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options

    def tokenize(self, text: str) -> list[int]:
        return [ord(letter) % 8 for letter in text]

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        if self._options.get("measure"):
            misfortune(str(self._options["measure"]), job)
        start = time.perf_counter()
        times = []
        for _ in range(new_tokens):
            job.check_cancelled()
            times.append(time.perf_counter() - start + 1e-6)
        drift = LOADS["count"] if self._options.get("measure") == "drift" else 0
        return TokenMeasurement(len(token_ids), tuple(times), (drift,) * new_tokens)

    def logits(self, token_ids: tuple[int, ...]) -> np.ndarray:
        if self._options.get("logits") == "nan":
            return np.full((len(token_ids), 8), np.nan, dtype=np.float32)
        return np.eye(8, dtype=np.float32)[[token % 8 for token in token_ids]]


class FaultyAdapter:
    def probe(self, hardware: object) -> Availability:
        return Availability("faulty", True, "1.0", ("CPU",))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        misfortune(request.precision, job)
        target = request.output / "model.gguf"
        target.write_bytes(b"made")
        return Artifact(
            name="made",
            framework="faulty",
            precision=request.precision,
            format=ModelFormat.GGUF,
            kind=ModelKind.LANGUAGE,
            path=target,
            size_bytes=4,
            contents=TensorContents({"F32": 1}, 1, 4, 32.0),
            source=request.source,
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[FaultySession]:
        LOADS["count"] += 1
        if artifact.options.get("leaks_bytes"):
            LEAKED.append(b"x" * int(artifact.options["leaks_bytes"]))  # touched, so that it is resident
        if artifact.options.get("dies_at_load") == LOADS["count"]:
            os.abort()
        yield FaultySession(artifact.options)


def misfortune(kind: str, job: JobContext) -> None:
    job.emit(Log(f"doing {kind}"))
    MISFORTUNES.get(kind, lambda _: None)(job)


def flood(job: JobContext) -> None:
    """Ten megabytes on fd 1, past Python, and half a protocol message among them."""
    for _ in range(100):
        os.write(1, b'{"id": 1, "event": "Result", "body": nonsense\n' * 2000)


def hang(job: JobContext) -> None:
    """Deaf to every request: SIGTERM is ignored and the cancel flag never read."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause() if hasattr(signal, "pause") else time.sleep(3600)
    while True:
        signal.pause()


def hang_with_child(job: JobContext) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    job.emit(Log(f"child {child.pid}"))
    hang(job)


def eat_memory(job: JobContext) -> None:
    import resource

    limit = 600 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    hoard = []
    while True:
        hoard.append(bytearray(50 * 1024 * 1024))


def obey(job: JobContext) -> None:
    step = 0
    while True:
        step += 1
        job.emit(Progress(None, f"step {step}"))
        job.check_cancelled()
        signal.sigtimedwait([], 0.01)


def bad_input(job: JobContext) -> None:
    raise BadInput("The file “x.gguf” is too short.", "Download it again.")


MISFORTUNES = {
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "segv": lambda _: ctypes.string_at(0),
    "abort": lambda _: os.abort(),
    "exit": lambda _: os._exit(7),
    "flood": flood,
    "hang": hang,
    "hang_with_child": hang_with_child,
    "memory": eat_memory,
    "obey": obey,
    "bad_input": bad_input,
    "bug": lambda _: {}["missing"],
}

ADAPTER = FaultyAdapter()
