"""``python -m tests.benchmarks.against_benchmark_app``: OpenVINO figures against its own benchmark_app.

One vision model, its batch fixed at 8, is measured in turns by an Edgewright session and by benchmark_app,
which comes with OpenVINO: single inferences one after the other (latency, one stream, all threads) and
several at a time (throughput, as many streams as threads). Both get FP32 arithmetic, FP32 inputs and the
same threads. benchmark_app reports a latency in steps of 0.01 ms: for ResNet20 that is 3.6 % of a batch of 1,
and 0.5 % of a batch of 8. Exit code 0: every ratio is within 2 %, or its 95 % interval holds 1.

Eight pairs of five seconds each take about four minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from backends.actions.artifacts import original_artifact
from backends.actions.engines import opener
from backends.assessment.source import source_model
from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.metric import TensorMeasurement, TensorWorkload
from backends.frameworks.base import EngineHandle
from backends.frameworks.generation import physical_cores
from backends.storage.paths import resources
from tests.benchmarks import turns
from tests.conftest import SHARED_DATA

RESNET = SHARED_DATA / "resnet20-cifar10" / "resnet20_cifar10.onnx"
DIGITS = resources() / "models" / "edgewright-digits" / "model.onnx"
UNITS = {
    "latency, median": "ms",
    "one at a time": "inferences/s",
    "streams": "inferences/s",
}
# In a process of its own, as all native libraries: the model with its batch fixed, and an input for it.
MAKE_STATIC = """
import sys, numpy, openvino
source, target, inputs, batch = sys.argv[1:]
model = openvino.Core().read_model(source)
port = model.inputs[0]
shape = [int(batch) if part.is_dynamic else part.get_length() for part in port.get_partial_shape()]
model.reshape({port: shape})
openvino.save_model(model, target, compress_to_fp16=False)
values = numpy.random.default_rng(0).random(shape).astype(numpy.float32)
numpy.savez(inputs, **{port.get_any_name(): values})
"""
LATENCY = "latency (ms)"  # the median, where no other percentile is asked for
BENCHMARK_APP = "from openvino.tools.benchmark.main import main; main()"


@dataclass(frozen=True)
class Setting:
    model: Path
    inputs: Path
    threads: int
    seconds: float
    scratch: Path


def ours(engine: EngineHandle, streamed: EngineHandle, setting: Setting) -> Mapping[str, float]:
    def timed(handle: EngineHandle, parallel: int) -> TensorMeasurement:
        work = TensorWorkload(setting.inputs, setting.seconds, parallel=parallel)
        measurement = handle.measure(work)
        assert isinstance(measurement, TensorMeasurement)
        return measurement

    single, several = timed(engine, 1), timed(streamed, max(2, setting.threads))
    figures = median(single.latencies_s) * 1e3, single.inferences_per_s, several.inferences_per_s
    return dict(zip(UNITS, figures, strict=True))


def theirs(setting: Setting) -> Mapping[str, float]:
    streams = max(2, setting.threads)
    single = benchmark_app(setting, "-api", "sync", "-nstreams", "1", "-nireq", "1")
    several = benchmark_app(setting, "-api", "async", "-nstreams", str(streams), "-nireq", str(streams))
    figures = float(single[LATENCY]), float(single["throughput"]), float(several["throughput"])
    return dict(zip(UNITS, figures, strict=True))


def benchmark_app(setting: Setting, *more: str) -> Mapping[str, str]:
    """One run of the program; its JSON report."""
    arguments = [
        *("-m", str(setting.model), "-d", "CPU", "-hint", "none", "-t", str(max(1, round(setting.seconds)))),
        *("-nthreads", str(setting.threads), "-infer_precision", "f32", "-ip", "f32", "-op", "f32"),
        *("-report_type", "no_counters", "-report_folder", str(setting.scratch), "-json_stats", *more),
    ]
    command = [sys.executable, "-c", BENCHMARK_APP, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"benchmark_app ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    report = json.loads((setting.scratch / "benchmark_report.json").read_text(encoding="utf-8"))
    results: Mapping[str, str] = report["execution_results"]
    return results


def load_options(threads: int, streams: int) -> LoadOptions:
    hint = "latency" if streams == 1 else "throughput"
    return LoadOptions(threads=threads, options={"streams": streams, "hint": hint})


def main() -> int:
    parser = turns.parser(__doc__, pairs=8)
    parser.add_argument("--model", type=Path, default=RESNET if RESNET.is_file() else DIGITS)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each reading")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgewright-app-") as folder:
        scratch = Path(folder)
        model, inputs = scratch / "static.xml", scratch / "inputs.npz"
        made = [
            sys.executable,
            "-c",
            MAKE_STATIC,
            str(asked.model),
            str(model),
            str(inputs),
            str(asked.batch),
        ]
        subprocess.run(made, check=True)
        setting = Setting(model, inputs, asked.threads, asked.seconds, scratch)
        artifact, job = original_artifact(source_model(model)), turns.quiet_job()
        engines = [
            opener(job)(Configuration(artifact, load_options(asked.threads, streams)))
            for streams in (1, max(2, asked.threads))
        ]
        try:
            turns.say(f"{asked.model.name}: {'; '.join(engines[0].engine.details)}")
            found = turns.in_turns(
                lambda: ours(engines[0], engines[1], setting), lambda: theirs(setting), asked.pairs, UNITS
            )
        finally:
            for engine in engines:
                engine.close()
    assert np.isfinite([one.ours for one in found]).all()
    return turns.report(found, asked.json, what="benchmark_app", model=asked.model.name)


if __name__ == "__main__":
    sys.exit(main())
