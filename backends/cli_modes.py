"""Sweeps, sustained runs and llama-bench's figures as plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.cli_text import facts, fields, table, wrapped
from backends.reporting import words


def mode_text(document: Any) -> str:
    """A stored measurement as the command that made it prints it; of a kind unknown here, every field."""
    shown: dict[str, Callable[[Any], str]] = {
        "sweep": sweep_text,
        "sustained": sustained_text,
        "llama-bench": bench_text,
    }
    return shown.get(document["kind"], fields)(document)


def _title(what: str, document: Mapping[str, Any]) -> str:
    """With the id, which a stored document, asked for by it, does not hold."""
    return f"{what}, {document['id']}" if "id" in document else f"{what}, {document['model']}"


def sweep_text(document: Any) -> str:
    """A row a step; rates with their intervals. Why a step failed stands below the table."""
    metric = document["metric"]
    points = document["points"]
    header = [document["over"], _rate_title(metric), "95 % interval", "prefill, tokens/s", "p50 ms"]
    lines = [
        _title(document["label"], document),
        table(header, [_sweep_row(point, metric) for point in points]),
    ]
    told = [f"{document['over']} {one['value']} failed: {one['failure']}" for one in points if one["failure"]]
    told += [document["advice"]] if document["advice"] else []
    told += [f"{one['title']}: {one['evidence']} {one['suggestion']}" for one in document["diagnosis"]]
    told += _disturbed([flag for point in points for flag in point["flags"]])
    return "\n".join([*lines, *(wrapped(one, "", "  ") for one in told)])


def _rate_title(metric: str) -> str:
    """ "Decode, tokens/s"; a metric without words of its own as it is."""
    return ", ".join(words.RATES[metric]) if metric in words.RATES else metric


def _sweep_row(point: Mapping[str, Any], metric: str) -> list[str]:
    if point["failure"]:
        return [str(point["value"]), "failed", "", "", ""]
    rates = point["rates"]
    main, prefill = rates[metric], rates.get("prefill_tokens_per_s")
    times = rates.get("gap_p50_s") or rates.get("latency_p50_s")
    return [
        str(point["value"]),
        f"{main['estimate']:,.1f}",
        f"{main['low']:,.1f} to {main['high']:,.1f}" if main["samples"] > 1 else "one reading",
        f"{prefill['estimate']:,.0f}" if prefill else "",
        f"{times['estimate'] * 1e3:.2f}" if times else "",
    ]


def _disturbed(flags: Sequence[str]) -> list[str]:
    """How often something disturbed, with the first as an example."""
    if not flags:
        return []
    often = "once: " if len(flags) == 1 else f"{len(flags)} times; for example, "
    return [f"Disturbed {often}{flags[0]}."]


def sustained_text(document: Any) -> str:
    """The last minute against the burst, and what the system told meanwhile."""
    metric = document["metric"]
    throttled, warmer = document["throttled"], document["temperature_rise_celsius"]
    faster_hz = document["frequency_change_hz"]
    rows = [
        ("Burst", _rate(document["burst"], metric)),
        ("Last minute", _rate(document["last_minute"], metric)),
        ("Kept", f"{document['kept']:.0%} of the burst"),
        ("Throttled", _told(throttled, lambda found: "yes" if found else "no")),
        ("Temperature", _told(warmer, lambda celsius: f"{celsius:+.1f} °C")),
        ("Frequency", _told(faster_hz, lambda hertz: f"{hertz / 1e6:+,.0f} MHz")),
    ]
    # those of early documents were not looked for
    flags = [wrapped(one, "", "  ") for one in _disturbed(document.get("flags", ()))]
    return "\n".join([_title(document["label"], document), facts(rows), *flags])


def _rate(found: Mapping[str, Any], metric: str) -> str:
    unit = words.RATES[metric][1] if metric in words.RATES else metric
    return f"{found['estimate']:,.1f} {unit} ({found['low']:,.1f} to {found['high']:,.1f})"


def _told(value: Any, show: Callable[[Any], str]) -> str:
    return "this system does not tell" if value is None else show(value)


def bench_text(document: Any) -> str:
    """llama-bench's own table, in Markdown as it prints it, its columns aligned."""
    header = ["model", "size", "params", "backend", "threads", "test", "t/s"]
    rows = [
        [
            one["model"],
            f"{one['size'] / 2**20:.2f} MiB",
            f"{one['params'] / 1e6:.2f} M",
            one["backend"],
            str(one["threads"]),
            one["test"],
            f"{one['avg_ts']:.2f} ± {one['stddev_ts']:.2f}",
        ]
        for one in document["tests"]
    ]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"

    rule = ["-" * width for width in widths]
    return "\n".join([_title(document["definition"], document), *map(line, [header, rule, *rows])])
