"""What really ran and how it was measured: engines, rules, conditions, disturbances, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.gate import Verdict
from backends.domain.hardware import Conditions
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult, Reading, RunSetup
from backends.reporting import words
from backends.reporting.account import Account, label_of
from backends.reporting.machine import Entry

MOST_DISTURBANCES = 30


@dataclass(frozen=True)
class Ran:
    label: str
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disturbance:
    when: str
    label: str
    pair: int
    reason: str


def what_ran(account: Account) -> tuple[Ran, ...]:
    return tuple(_ran(account, one) for one in account.record.results)


def _ran(account: Account, result: ConfigurationResult) -> Ran:
    artifact, engine = result.configuration.artifact, result.engine
    contents = artifact.contents
    types = " · ".join(f"{count} × {name}" for name, count in contents.tensor_types.items())
    inside = f"{types or 'tensor types not told'}; {contents.bits_per_weight:.2f} bits per weight"
    entries = [
        Entry("Asked for", f"{artifact.framework_title or artifact.framework} {artifact.precision}"),
        Entry("In the file", f"{inside}, {contents.parameters:,} weights"),
        Entry("Size", f"{words.mebibytes(artifact.size_bytes)}, {artifact.format.value}"),
        Entry("Opened with", _opened(result.configuration.load)),
    ]
    if engine is not None:
        where = f"on {engine.device} with {engine.threads} threads"
        load = words.milliseconds(engine.cold_load_s).main
        entries.append(Entry("Ran in", f"{engine.framework} {engine.version} {where}, loaded in {load}"))
        entries += [Entry("The engine says", "; ".join(engine.details))] if engine.details else []
    made = [f"{name} {version}" for name, version in artifact.versions.items()]
    made += [f"{name} = {value}" for name, value in artifact.options.items()]
    entries += [Entry("Made with", ", ".join(made))] if made else []
    entries += _sameness(artifact)
    entries += [Entry("SHA-256", f"{digest} {name}") for name, digest in _hashes(account, result).items()]
    return Ran(label_of(result), tuple(entries), (*artifact.warnings, *(engine.warnings if engine else ())))


def _sameness(artifact: Artifact) -> Iterator[Entry]:
    """Of every conversion on the way, and of the quantization, against what it was made from."""
    title = "Follows its source"
    if not artifact.sameness and not artifact.original:
        yield Entry(title, "Nobody looked how closely it follows its source.", known=False)
    unit = "nats" if artifact.kind is ModelKind.LANGUAGE else "of the largest output"
    for found in artifact.sameness:
        agreement = "" if found.top1_agreement is None else f"top-1 agreement {found.top1_agreement:.1%}, "
        tokens = {True: ", same tokens", False: ", other tokens", None: ""}[found.same_tokens]
        limits = f"at least {found.least_top1_agreement:.0%} and at most {found.most_difference:g} asked for"
        yield Entry(
            title,
            f"After {found.converter}: {agreement}largest difference {found.max_abs_difference:.2g} {unit}"
            f"{tokens} ({limits}). {found.compared}.",
        )


def _hashes(account: Account, result: ConfigurationResult) -> Mapping[str, str]:
    setup = account.record.setup
    return (setup.hashes.get(label_of(result)) if setup else None) or result.configuration.artifact.hashes


def _opened(load: LoadOptions) -> str:
    threads = f"{load.threads} threads" if load.threads else "as many threads as physical cores"
    options = "".join(f", {name} = {value}" for name, value in load.options.items())
    return f"{load.device}, {threads}, context {load.context:,}{options}"


def method(setup: RunSetup, tensor: bool) -> tuple[Entry, ...]:
    """The rules of the measurement, as they were."""
    fresh = "one process for all pairs" if setup.restarts == 1 else f"{setup.restarts} fresh processes a look"
    looks = ", ".join(str(look) for look in setup.looks)
    work = (
        f"The same input again and again, {setup.arm_s:g} s at least."
        if tensor
        else f"{setup.prompt_tokens} prompt tokens (fewer where the context is short), {setup.new_tokens} "
        "new ones; greedy, end of sequence ignored, the same token ids for all."
    )
    versions = ", ".join(f"{name} {version}" for name, version in setup.versions.items())
    return (
        Entry("Work of one reading", work),
        Entry("Pairs", f"In turns with the original (ABBA), {setup.idle_s:g} s idle before each reading."),
        Entry("Looks at", f"{looks} pairs; {fresh}."),
        Entry(
            "Interval of a ratio", f"{setup.confidence * 100:.3g} %, {setup.resamples:,} resamples of pairs."
        ),
        Entry("Seed", str(setup.seed)),
        Entry("Questions or images", _data(setup.tasks.name if setup.tasks else "", setup.task_limit)),
        Entry("Text", setup.evaluation.name if setup.evaluation else "The text that comes with Edgewright."),
        Entry("Measured by", f"Edgewright {setup.product_version}; {versions}"),
    )


def _data(name: str, limit: int | None) -> str:
    if not name:
        return "None were named."
    return name if limit is None else f"{name}, at most {limit:,}, taken evenly over the whole"


def conditions(readings: Sequence[Reading]) -> tuple[Entry, ...]:
    """Of the machine while it was measured, from samples taken outside the measured process."""
    seen = [one.conditions for one in readings if one.conditions is not None]
    if not seen:
        return (Entry("Conditions", "No condition was sampled.", known=False),)
    return (
        _spread("Other programs", [one.cpu_percent for one in seen], "% of all cores"),
        _spread("Taken by the host", [one.steal_percent for one in seen], "% of all cores"),
        _spread("Frequency", [hertz / 1e9 for one in seen if (hertz := one.frequency_hz)], "GHz"),
        _spread("Temperature", [c for one in seen if (c := one.temperature_celsius) is not None], "°C"),
        Entry("Power", _power(seen)),
        Entry("Readings", _counted(readings)),
    )


def _spread(name: str, values: Sequence[float], unit: str) -> Entry:
    if not values:
        return Entry(name, "Not told by this system.", known=False)
    middle = sorted(values)[len(values) // 2]
    return Entry(name, f"{min(values):.1f} to {max(values):.1f} {unit}, {middle:.1f} in the middle")


def _power(seen: Sequence[Conditions]) -> str:
    on_battery = [one.on_battery for one in seen if one.on_battery is not None]
    throttled = [one.throttled for one in seen if one.throttled is not None]
    source = "Source not told" if not on_battery else "On battery at times" if any(on_battery) else "On mains"
    slowed = "throttling not told" if not throttled else f"throttled in {sum(throttled)} of {len(throttled)}"
    return f"{source}; {slowed}{' readings' if throttled else ''}."


def _counted(readings: Sequence[Reading]) -> str:
    flagged, void = sum(bool(one.flags) for one in readings), sum(one.void for one in readings)
    repeated = sum(one.repeat > 0 for one in readings)
    which = f"{flagged} disturbed, {repeated} measured again, {void} void"
    return f"{len(readings)}, of these {which}; none is dropped."


def disturbances(readings: Sequence[Reading]) -> tuple[tuple[Disturbance, ...], int]:
    """The first ones in time, and how many more there are."""
    found = [
        Disturbance(words.minutes(flag.t_s), one.label, one.pair + 1, flag.reason)
        for one in readings
        for flag in one.flags
    ]
    return tuple(found[:MOST_DISTURBANCES]), max(0, len(found) - MOST_DISTURBANCES)


def not_measured(account: Account) -> tuple[Entry, ...]:
    """Everything a reader might look for in vain, with the reason."""
    return (*_energy(account), *_gaps_in_gates(account), *_gaps_in_results(account))


def _energy(account: Account) -> Iterator[Entry]:
    """The reason as it was told while measuring; else what the machine says of its counters."""
    readings = [one.energy for one in account.record.results if one.energy]
    if any(reading.measured for reading in readings):
        return
    machine = account.record.machine
    told = machine.power.energy_counters.why_not if machine else ""
    why = (
        next((reading.why_not for reading in readings), "")
        or f"This run holds no reading of an energy counter. {told}".strip()
    )
    yield Entry("Energy", why, known=False)


def _gaps_in_gates(account: Account) -> Iterator[Entry]:
    reasons: Counter[tuple[str, str]] = Counter()
    for one in account.candidates:
        missing = [gate for gate in one.gates if gate.verdict is Verdict.NOT_MEASURED]
        reasons.update((words.gate_title(gate.gate), gate.evidence) for gate in missing)
    for (title, evidence), count in reasons.items():
        whom = "" if count == len(account.candidates) else f" ({count} of {len(account.candidates)})"
        yield Entry(f"{title}{whom}", evidence, known=False)


def _gaps_in_results(account: Account) -> Iterator[Entry]:
    for one in account.record.results:
        label = label_of(one)
        if one.failure:
            yield Entry(label, f"It could not be run: {one.failure}", known=False)
            continue
        if one.quality_failure:
            yield Entry(f"{label}, quality", one.quality_failure, known=False)
        if not one.rates:
            yield Entry(label, "No whole pair was measured.", known=False)
        elif one.latency_p99_s is None:
            yield Entry(label, "Too few single times for p99 (299 are needed).", known=False)
