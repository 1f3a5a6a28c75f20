"""The command that measures a stored run again, with the names of files in place of their paths."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from backends.actions.bench import DEPTHS
from backends.actions.compare import CONTEXT
from backends.actions.opening import load_words
from backends.domain.artifact import CPU, Artifact, LoadOptions, Option
from backends.domain.preprocessing import usual_scale
from backends.domain.result import RunRecord, RunSetup, Stage
from backends.optimization.gates import default_gates
from backends.optimization.stages import Outcome, Step
from backends.reporting.discreet import short_name

USUAL = "usual"  # --gate usual: the product's own thresholds, whatever the settings of a machine say


def commands(record: RunRecord) -> tuple[str, ...]:
    """None for a run that is too old, and for one that the words of the command line cannot repeat.

    Such a one, whose artifacts ran on devices, threads or contexts of their own, is repeated from its
    certificate.
    """
    setup = record.setup
    if setup is None or not record.results:
        return ()
    if record.stages:
        return (shlex.join(_optimize_words(record, setup)),)
    opened = [one.configuration for one in record.results]
    opened.sort(key=lambda one: not one.artifact.original)  # a run that was stopped has others first
    if any(_is_apart(one.load, setup) for one in opened):
        return ()
    words = ["edgewright", "bench", *(_name(one.artifact) for one in opened)]
    words += [*_rules(setup), *(["--stress"] if setup.stress else [])]
    words += ["--questions", str(setup.task_limit)] if setup.task_limit else []
    words += ["--context", str(setup.context)] if setup.context != CONTEXT else []
    given = load_words([one.load.options for one in opened])
    return (shlex.join([*words, *_repeated("--load", (f"{n}={_spelled(v)}" for n, v in given.items()))]),)


def _name(artifact: Artifact) -> str:
    """A converted original by what it was converted from: whoever asks for that gets the same form again."""
    converted = artifact.original and artifact.source != artifact.path
    return artifact.source.name if converted else short_name(artifact)


def _is_apart(load: LoadOptions, setup: RunSetup) -> bool:
    return (load.device, load.threads, load.context) != (setup.device, setup.threads, setup.context)


def _spelled(value: Option) -> str:
    """As the command line reads it back with the same type: text that looks like a number is quoted."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return value
    return json.dumps(value)


def _optimize_words(record: RunRecord, setup: RunSetup) -> list[str]:
    """The stages again, of everything that was tried in them."""
    original = record.stages[0].result or record.results[0]
    words = ["edgewright", "optimize", _name(original.configuration.artifact)]
    for framework, precision in setup.choices or _best_choice(record.stages):
        words += ["--framework", framework, "--precision", precision]
    words += ["--calibration", setup.calibration.name] if setup.calibration else []
    return words + _rules(setup) + ([] if setup.stress else ["--no-stress"])


def _best_choice(stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """Of a run of an older version, which did not keep what it was asked to try."""
    made = [one for one in stages if one.name == Step.QUANTIZATION and one.result is not None]
    best = next((one for one in made if one.verdict == Outcome.KEPT), made[0] if made else None)
    if best is not None and best.result is not None:
        artifact = best.result.configuration.artifact
        yield artifact.framework, artifact.precision


def _rules(setup: RunSetup) -> list[str]:
    words = ["--depth", depth_of(setup)]
    words += ["--data", setup.tasks.name] if setup.tasks else []
    words += ["--text", setup.evaluation.name] if setup.evaluation else []
    words += ["--device", setup.device] if setup.device != CPU else []
    words += ["--threads", str(setup.threads)] if setup.threads else []
    words += _image_words(setup)
    words += ["--energy", setup.energy, "--grid", setup.grid] if setup.energy else []
    return [*words, *_repeated("--gate", _gates(setup.thresholds))]


def _image_words(setup: RunSetup) -> Iterator[str]:
    """Mean and standard deviation at the scale that the flags take them at, whatever they were set at."""
    prepared = setup.preprocessing
    factor = usual_scale(prepared.dtype) / prepared.scale if prepared else 1.0
    for name, values in (("--mean", setup.mean), ("--std", setup.std)):
        if values:
            yield f"{name}={','.join(_number(value * factor) for value in values)}"
    if prepared is not None:
        yield from ("--size", f"{prepared.height}x{prepared.width}", "--layout", prepared.layout)
        if prepared.channels > 1 and prepared.channel_order == "BGR":
            yield from ("--channel-order", prepared.channel_order)


def _gates(thresholds: Mapping[str, float]) -> Iterator[str]:
    usual = {name: gate.threshold for name, gate in default_gates().items()}
    if thresholds:
        yield USUAL
    for name, threshold in thresholds.items():
        if threshold != usual.get(name):
            yield f"{name}={_number(threshold)}"


def _number(value: float) -> str:
    """The shortest spelling that is read back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _repeated(option: str, values: Iterator[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def depth_of(setup: RunSetup) -> str:
    """The named depth with the same looks and restarts; else the nearest, which is the thorough one."""
    same = (name for name, p in DEPTHS.items() if (p.looks, p.restarts) == (setup.looks, setup.restarts))
    return next(same, "thorough")
