"""Which execution provider runs which operators, and how that is said. Pure."""

from __future__ import annotations

from collections import Counter

Assigned = Counter[tuple[str, str]]  # (provider, operator) → number of nodes


def details(assigned: Assigned) -> tuple[str, ...]:
    """ "Operators: CPU 26", a provider after the other."""
    counts: Counter[str] = Counter()
    for (provider, _), count in assigned.items():
        counts[provider] += count
    told = ", ".join(f"{_short(provider)} {count}" for provider, count in counts.most_common())
    return (f"Operators: {told}",) if told else ()


def warnings(assigned: Assigned, wanted: str) -> tuple[str, ...]:
    """A sentence that names the operators which another provider than the wanted one runs."""
    elsewhere = Counter[str]()
    for (provider, operator), count in assigned.items():
        if provider != wanted:
            elsewhere[operator] += count
    if not elsewhere:
        return ()
    names = ", ".join(f"{operator} ({count})" for operator, count in elsewhere.most_common())
    return (
        f"{elsewhere.total()} of {assigned.total()} operators do not run on {_short(wanted)} but fall back: "
        f"{names}.",
    )


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")
