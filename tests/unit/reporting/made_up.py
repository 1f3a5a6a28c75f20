"""A run that never took place: every figure in it is invented, to test the report and to look at it.

Nothing here may be quoted as a measurement of anything.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from backends.actions.artifacts import DESCRIPTION
from backends.assessment.contents import hashes
from backends.benchmarking.protocol import Plan, Protocol
from backends.benchmarking.summary import Notebook, summarise
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.gate import Finding
from backends.domain.hardware import BusyProcess, Conditions
from backends.domain.metric import (
    Interval,
    LoadedEngine,
    MemoryReading,
    TensorMeasurement,
    TokenMeasurement,
    TokenWorkload,
)
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.domain.result import (
    ConfigurationResult,
    DataFile,
    Flag,
    LanguageFidelity,
    QualityScore,
    Reading,
    RunRecord,
    RunSetup,
)
from backends.optimization.gates import Evidence, evaluate
from tests.unit.samples import machine

PAIRS = 12
MADE_UP_MODEL = "Made-up LM (invented figures)"

# title, framework, precision, decode and prefill tokens/s, share of accuracy kept, peak and weights in MiB
INVENTED = (
    ("", "llamacpp", "F16", 16.9, 210.0, 1.0, 900, 760),
    ("llama.cpp", "llamacpp", "Q8_0", 24.1, 245.0, 0.998, 620, 410),
    ("llama.cpp", "llamacpp", "Q4_K_M", 41.2, 190.0, 0.968, 450, 260),
    ("OpenVINO", "openvino", "INT8", 33.0, 402.0, 0.994, 645, 405),
    ("ONNX Runtime", "onnxruntime", "int4", 27.1, 300.0, 0.93, 570, 270),
)


def made_up_run() -> RunRecord:
    """Four candidates, one of them disturbed; the last could not be opened."""
    chance = random.Random(7)
    configurations = tuple(_configuration(row) for row in INVENTED)
    plan = Plan(
        configurations[0],
        configurations[1:],
        TokenWorkload((1, 2, 3), 128),
        Protocol(looks=(6, 12)),
        thresholds=(2.0,),
    )
    readings = tuple(_readings(plan, chance))
    books = [_notebook(row, one) for row, one in zip(INVENTED, configurations, strict=True)]
    results = summarise(plan, readings, books)
    judged = [replace(result, **_quality(row)) for row, result in zip(INVENTED, results, strict=True)]
    final = tuple(_with_gates(one, judged[0], readings) for one in judged)
    broken = _broken(plan)
    setup = _setup(plan, (*configurations, broken.configuration))
    return RunRecord(
        run_id="madeup000001",
        started_at="2026-11-21T14:05:00+00:00",
        model=MADE_UP_MODEL,
        results=(*final, broken),
        readings=readings,
        notes=("Before measuring: other programs used 31 % of a core; the busiest was made-up-browser.",),
        machine=machine(),
        setup=setup,
    )


def made_up_vision_run() -> RunRecord:
    """One candidate on images without labels of any kind: little is known of it."""
    base = made_up_run()
    readings = tuple(
        Reading(
            label, pair, 0, 4.0 * pair + arm, TensorMeasurement(1, (speed,) * 40), comparison="OpenVINO INT8"
        )
        for pair in range(6)
        for arm, (label, speed) in enumerate((("OpenVINO INT8", 0.0011), ("original FP32", 0.0031)))
    )
    original, candidate = (
        replace(
            _configuration(row),
            artifact=replace(_configuration(row).artifact, kind=ModelKind.VISION, precision=name),
        )
        for row, name in ((INVENTED[0], "FP32"), (INVENTED[3], "INT8"))
    )
    work = TokenWorkload((1,))
    plan = Plan(original, (candidate,), work, Protocol(looks=(6,)))
    bare = tuple(
        ConfigurationResult(one, label=label)
        for one, label in zip((original, candidate), plan.labels, strict=True)
    )
    return replace(
        base,
        model="Made-up vision model (invented figures)",
        results=bare,
        readings=readings,
        setup=None,
        machine=None,
    )


def _configuration(row: tuple[str, str, str, float, float, float, int, int]) -> Configuration:
    title, framework, precision, *_, weights = row
    folder = f"made-up-{framework}-{precision}".lower()
    size = int(weights * 2**20)
    artifact = Artifact(
        name="made-up",
        framework=framework,
        precision=precision,
        format=ModelFormat.GGUF,
        kind=ModelKind.LANGUAGE,
        path=Path("/home/somebody/models") / folder / "model.gguf",
        size_bytes=size,
        contents=TensorContents({precision: 169, "F32": 49}, 380_000_000, size, size * 8 / 380e6),
        source=Path("/home/somebody/models/made-up-f16.gguf"),
        original=not title,
        versions={framework: "9.9.9"},
        options={"pure": False},
        hashes={"model.gguf": f"{len(precision):064x}"},
        framework_title=title or "llama.cpp",
        warnings=("Two tensors stayed in F16 <because & for the test>.",) if precision == "int4" else (),
    )
    return Configuration(artifact, LoadOptions(context=1024))


def _notebook(row: tuple[str, str, str, float, float, float, int, int], one: Configuration) -> Notebook:
    title, _, *_, peak, weights = row
    engine = LoadedEngine(title or "llama.cpp", "9.9.9", "CPU", 4, 0.41, 60 * 2**20, ("AVX2 kernels", "mmap"))
    memory = MemoryReading(
        peak * 2**20,
        (peak - weights) * 2**20,
        weights * 2**20,
        60 * 2**20,
        weights * 2**20,
        24 * 2**20,
        "VmHWM and smaps_rollup",
    )
    return Notebook(engine, memory)


def _readings(plan: Plan, chance: random.Random) -> Iterator[Reading]:
    t_s = 0.0
    speeds = {label: row[3:5] for label, row in zip(plan.labels, INVENTED, strict=True)}
    for candidate in plan.labels[1:]:
        for pair in range(PAIRS):
            arms = [candidate, plan.labels[0]]
            slow = 0.7 if candidate.endswith("INT8") and pair == 4 else 1.0
            for label in arms if pair % 4 in (0, 3) else arms[::-1]:
                t_s += 4.2
                yield _reading(label, candidate, pair, t_s, speeds[label], slow, chance)


def _reading(
    label: str,
    candidate: str,
    pair: int,
    t_s: float,
    speeds: tuple[float, float],
    slow: float,
    chance: random.Random,
) -> Reading:
    decode, prefill = (speed * slow * chance.gauss(1, 0.025) for speed in speeds)
    first = 512 / prefill
    times = tuple(first + n / decode * chance.gauss(1, 0.002) for n in range(128))
    flags = (
        (Flag("other programs used 31 % of a core; the busiest was made-up-browser", t_s),)
        if slow < 1
        else ()
    )
    seen = Conditions(
        t_s, 31.0 if slow < 1 else 3.0, 0.2, 3.1e9, 61.0, False, None, BusyProcess("made-up-browser", 31.0)
    )
    return Reading(
        label,
        pair,
        0,
        t_s,
        TokenMeasurement(512, times),
        flags,
        candidate,
        conditions=seen,
        worker_cpu_percent=48.0,
    )


def _quality(row: tuple[str, str, str, float, float, float, int, int]) -> dict[str, object]:
    kept = row[5]
    right = round(640 * kept)
    original = kept == 1.0
    reach = 0.016
    return {
        "quality": QualityScore(
            right,
            1000,
            Interval(right / 1000, right / 1000 - 0.03, right / 1000 + 0.03, 0.95, 1000),
            None if original else Interval(kept, kept - reach, min(1.01, kept + reach), 0.95, 1000),
            None if original else (1 - kept) * 1.7,
            original_correct=640,
            chance=0.25,
            mcnemar_p=None if original else min(1.0, 0.04 * kept),
        ),
        "fidelity": LanguageFidelity(
            4096,
            Interval(12.4 / kept, 12.0 / kept, 12.8 / kept, 0.95, 16),
            None if original else Interval(1 / kept, 0.99 / kept, 1.01 / kept, 0.95, 16),
            None
            if original
            else Interval((1 - kept) * 0.9 + 1e-4, (1 - kept) * 0.8, (1 - kept) + 2e-4, 0.95, 16),
            None if original else 0.3,
            None if original else Interval(kept - 0.02, kept - 0.03, kept - 0.01, 0.95, 16),
            None if original else (1 - kept) * 0.6,
        ),
    }


def _with_gates(
    result: ConfigurationResult, original: ConfigurationResult, readings: tuple[Reading, ...]
) -> ConfigurationResult:
    own = [one for one in readings if one.label == result.label]
    safe = (
        Finding("no pickle", True, "None of 1 files is a pickle."),
        Finding("licence", True, "Licence: made-up."),
    )
    return replace(result, gates=evaluate(Evidence(result, original, own, security=safe)))


def _broken(plan: Plan) -> ConfigurationResult:
    row = ("MLX", "mlx", "int4", 1.0, 1.0, 1.0, 1, 200)
    return ConfigurationResult(
        _configuration(row), label="MLX int4", failure="MLX runs on Apple machines only (invented <failure>)."
    )


def _setup(plan: Plan, configurations: tuple[Configuration, ...]) -> RunSetup:
    rules = plan.protocol
    return RunSetup(
        "0.0.made-up",
        rules.looks,
        rules.restarts,
        rules.prompt_tokens,
        rules.new_tokens,
        rules.idle_s,
        rules.arm_s,
        rules.confidence,
        rules.resamples,
        rules.seed,
        1024,
        0,
        tasks=DataFile("tasks.jsonl", "0" * 64),
        evaluation=DataFile("eval.txt", "1" * 64),
        versions={"python": "3.11.7", "numpy": "9.9.9"},
        hashes={
            label: one.artifact.hashes
            for label, one in zip((*plan.labels, "MLX int4"), configurations, strict=True)
        },
    )


def with_files(record: RunRecord, models: Path) -> RunRecord:
    """The run with small files in place of its models, hashed as a measured run's are."""
    results, found = [], {}
    for one in record.results:
        artifact = one.configuration.artifact
        folder = models / artifact.path.parent.name
        folder.mkdir()
        path = folder / "model.gguf"
        path.write_bytes(random.Random(one.label).randbytes(300))
        if not artifact.original:
            (folder / DESCRIPTION).write_text(json.dumps({"name": one.label}))
        found[one.label] = hashes(path)
        artifact = replace(artifact, path=path)
        results.append(replace(one, configuration=replace(one.configuration, artifact=artifact)))
    assert record.setup is not None
    return replace(record, results=tuple(results), setup=replace(record.setup, hashes=found))
