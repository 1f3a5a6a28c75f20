"""The figures of a run as tables: at a glance, speed, memory, quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.gate import Verdict
from backends.domain.metric import MEMORY_TOLERANCE, Interval, peak_share
from backends.domain.result import Comparison, ConfigurationResult
from backends.reporting import quality_columns, words
from backends.reporting.account import Account, label_of
from backends.reporting.colors import colors_of
from backends.reporting.quality_columns import Column
from backends.reporting.words import MISSING, Figure

EXACTLY_ONE = Interval(1.0, 1.0, 1.0, 1.0, 1)  # the original against itself


@dataclass(frozen=True)
class Row:
    label: str
    color: str
    cells: tuple[Figure, ...]
    failure: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Table:
    """``note`` stands below: what the columns mean and how sure the intervals are."""

    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def rates_of(results: Sequence[ConfigurationResult]) -> tuple[str, ...]:
    """The rates that any configuration has, in the usual order."""
    found = {metric for one in results for metric in one.rates}
    found |= {comparison.metric for one in results for comparison in one.comparisons}
    return tuple(metric for metric in words.RATES if metric in found)


def compared(result: ConfigurationResult, metric: str) -> Comparison | None:
    return next((one for one in result.comparisons if one.metric == metric), None)


def quality_kept(result: ConfigurationResult) -> tuple[str, Interval] | None:
    """The share of the original's quality, by the best measure there is, and the measure's name."""
    score, fidelity, outputs = result.quality, result.fidelity, result.output_fidelity
    if score is not None and score.ratio_to_original is not None:
        return "accuracy against the original", score.ratio_to_original
    if fidelity is not None and fidelity.top1_agreement is not None:
        return "same next token as the original", fidelity.top1_agreement
    if score is not None and score.kind == "fidelity":
        return "same answer as the original", score.accuracy
    if outputs is not None:
        return "cosine similarity to the original's outputs", outputs.cosine
    return None


def glance(account: Account) -> Table:
    """Ratios only: they are what the benchmark was made to tell."""
    metrics = rates_of(account.record.results)
    titles = tuple(f"{words.RATES[metric][0]} speed" for metric in metrics)
    return _table(
        account,
        "Against the original",
        (*titles, "Peak memory", "Quality kept"),
        lambda one: (
            *(_ratio_cell(account, one, metric) for metric in metrics),
            _memory_ratio(account, one),
            _kept(one),
        ),
        _glance_note(account, metrics),
    )


def speed(account: Account) -> Table:
    metrics = rates_of(account.record.results)
    titles = tuple(f"{words.RATES[metric][0]}, {words.RATES[metric][1]}" for metric in metrics)
    language = "decode_tokens_per_s" in metrics
    first = ("First token, p50",) if language else ()
    gap = "Between tokens" if language else "One inference"
    return _table(
        account,
        "Speed",
        (*titles, *first, f"{gap}, p50", "p95", "p99", "Varies by"),
        lambda one: (
            *(words.rate(one.rates.get(metric)) for metric in metrics),
            *((words.milliseconds(one.ttft_p50_s),) if language else ()),
            words.milliseconds(one.latency_p50_s),
            words.milliseconds(one.latency_p95_s),
            words.milliseconds(one.latency_p99_s),
            MISSING if one.variation is None else Figure(f"{one.variation * 100:.1f}\u00a0%"),
        ),
        "Medians of all readings with their 95 % bootstrap interval. p95 is given from 59 single times on, "
        "p99 from 299. Rates describe what was seen; claims rest on the paired ratios above, because "
        "configurations were not all measured in the same minutes.",
    )


def start_up(account: Account) -> Table | None:
    """What a user waits for at first; ``None`` where it was not measured."""
    read = [one.start_up for one in account.record.results if one.start_up]
    if not read:
        return None
    first = "Cold load" if all(one.is_cold for one in read) else "First load"
    timed = [one for one in read if one.ttft_user_s is not None]
    chat = (
        "the model's chat template" if timed and all(one.templated for one in timed) else "no chat template"
    )

    def cells(one: ConfigurationResult) -> tuple[Figure, ...]:
        found = one.start_up
        if found is None:
            return (MISSING,) * 4
        times = (found.first_load_s, found.warm_load_s, found.first_token_s, found.ttft_user_s)
        return tuple(words.milliseconds(time_s) for time_s in times)

    return _table(
        account,
        "Starting up",
        (first, "Warm load", "First token after loading", "From text to first token"),
        cells,
        "Single readings in workers of their own, apart from the timed ones. A cold load reads files that "
        "were dropped from the system's page cache; where that cannot be done it is called a first load. The "
        f"last column has tokenization and {chat} in it; the median of three, on a warm engine.",
    )


#: What one system or device tells and another does not.
_SOMETIMES_TOLD = {"private_peak_bytes": "Private", "gpu_peak_bytes": "GPU"}


def memory(account: Account) -> Table:
    def cells(one: ConfigurationResult) -> tuple[Figure, ...]:
        found = one.memory
        if found is None:
            return (MISSING,) * len(titles)
        sizes = (
            *(found.total_peak_bytes, found.anonymous_peak_bytes, found.file_peak_bytes),
            *(found.weights_bytes, found.kv_cache_bytes, found.baseline_bytes),
            *(getattr(found, name) for name in told),
        )
        return tuple(MISSING if size is None else Figure(words.mebibytes(size)) for size in sizes)

    read = [one.memory for one in account.record.results if one.memory]
    told = [name for name in _SOMETIMES_TOLD if any(getattr(one, name) is not None for one in read)]
    usual = ("Total peak", "Anonymous", "File-backed", "Weights file", "KV cache", "Runtime alone")
    titles = (*usual, *(_SOMETIMES_TOLD[name] for name in told))
    sources = sorted({one.source for one in read})
    return _table(
        account,
        "Memory",
        titles,
        cells,
        "A run of its own, apart from the timed one; high-water marks of the worker and its children"
        + (f" ({'; '.join(sources)})" if sources else "")
        + f". One reading each; starts differ by up to {MEMORY_TOLERANCE:.0%}. Anonymous and file-backed are "
        "the largest seen after load, prefill and decode; “Runtime alone” is the framework with no model "
        "loaded. Peaks of the parts need not fall on the same moment, so they need not add up.",
    )


def energy(account: Account) -> Table | None:
    """A row a configuration and counter; ``None`` where nothing was measured."""
    read = [one.energy for one in account.record.results if one.energy and one.energy.measured]
    if not read:
        return None
    domains = tuple(dict.fromkeys(one.domain for reading in read for one in reading.domains))

    def cells(one: ConfigurationResult) -> tuple[Figure, ...]:
        known = {each.domain: each for each in one.energy.domains} if one.energy else {}
        return tuple(cell for name in domains for cell in _energy_cells(known.get(name)))

    titles = ("{0}, J a {1}", "{0}, idle included", "{0}, idle / busy")
    header = tuple(title.format(name, read[0].unit) for name in domains for title in titles)
    return _table(account, "Energy", header, cells, _energy_note(read[0]) + _disturbed(account))


def _disturbed(account: Account) -> str:
    """What else drew power while a window was read, in one text for all configurations; "" for nothing."""
    read = [(label_of(one), one.energy) for one in account.record.results if one.energy]
    repeated = sum(reading.repeated for _, reading in read)
    again = (
        f" {repeated} disturbed window(s) were measured once more, and only the repeat counts."
        if repeated
        else ""
    )
    still = [f"{label}: {'; '.join(one.disturbances)}" for label, one in read if one.disturbances]
    return again + (
        f" Disturbed when repeated as well, so rather too much: {'. '.join(still)}." if still else ""
    )


def _energy_cells(found: DomainEnergy | None) -> tuple[Figure, ...]:
    if found is None:
        return (MISSING,) * 3
    watts = f"{words.number(found.idle_watts)} / {words.number(found.busy_watts)}\u00a0W"
    return words.rate(found.joules), words.rate(found.gross_joules), Figure(watts, found.source)


def _energy_note(reading: EnergyReading) -> str:
    note = (
        f"{reading.windows} window(s) of {reading.window_s:.0f} s of steady work each, the idle power "
        "of the same counter subtracted. Counters stand alone and are never summed: one may contain another."
    )
    if reading.unit == "new token":
        note += " A new token's energy has its share of the prompt's."
    grid = reading.grid
    if grid is None:
        return note
    per_kwh = f"{grid.grams_per_kwh:.0f} g CO₂e/kWh"
    million = [
        f"{one.domain} {words.number(grid.grams(one.joules.estimate * 1e6))} g" for one in reading.domains
    ]
    return (
        f"{note} At {per_kwh} ({grid.name} {grid.year}, {grid.source}), a million of the first "
        f"configuration's come to: {', '.join(million)} CO₂e."
    )


def quality(account: Account) -> tuple[Table, ...]:
    """What was answered, and how a text is predicted, where that was measured: together they are too wide."""
    results = account.record.results
    answers = quality_columns.known(quality_columns.ANSWERS, results)
    text = quality_columns.known(quality_columns.TEXT, results)
    made = []
    if answers or not text:
        note = quality_columns.about_answers(results)
        made.append(_quality(account, "Quality", answers, note))
    if text:
        note = quality_columns.about_text(results)
        made.append(_quality(account, "Fidelity on text", text, note))
    return tuple(made)


def _quality(account: Account, title: str, columns: Sequence[Column], note: str) -> Table:
    def cells(one: ConfigurationResult) -> tuple[Figure, ...]:
        itself = one.configuration.artifact.original
        return tuple(
            Figure("–", "the reference") if itself and c.to_original else c.cell(one) for c in columns
        )

    return _table(account, title, tuple(column.title for column in columns), cells, note)


def _table(
    account: Account,
    title: str,
    header: tuple[str, ...],
    cells: Callable[[ConfigurationResult], tuple[Figure, ...]],
    note: str,
) -> Table:
    results = account.record.results
    colors = colors_of(results)
    rows = tuple(
        Row(
            label_of(one),
            colors[label_of(one)],
            () if one.failure else cells(one),
            one.failure,
            account.overall.get(label_of(one)),
        )
        for one in results
    )
    return Table(title, header, rows, note)


def _ratio_cell(account: Account, one: ConfigurationResult, metric: str) -> Figure:
    if one is account.original:
        return Figure("1×", "the reference")
    found = compared(one, metric)
    return words.ratio(found.ratio if found else None)


def _memory_ratio(account: Account, one: ConfigurationResult) -> Figure:
    original = account.original
    if one is original:
        return Figure("1×", "the reference")
    if original is None or original.memory is None or one.memory is None:
        return MISSING
    return words.ratio(peak_share(one.memory, original.memory))


def _kept(one: ConfigurationResult) -> Figure:
    if one.configuration.artifact.original:
        return Figure("100\u00a0%", "the reference")
    found = quality_kept(one)
    return words.percent(found[1]) if found else MISSING


def _glance_note(account: Account, metrics: Sequence[str]) -> str:
    found = [one for each in account.candidates for m in metrics if (one := compared(each, m))]
    kinds = sorted({kept[0] for each in account.candidates if (kept := quality_kept(each))})
    sentences = [f"Quality kept: {'; '.join(kinds)}."] if kinds else []
    if found:
        sure = f"{found[0].ratio.confidence * 100:.3g} % interval"
        speed = f"Speed: geometric mean over pairs with its {sure}, both models in turns on the same work."
        sentences.insert(0, speed)
    return " ".join(sentences)
