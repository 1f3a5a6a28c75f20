"""What was found or made, as plain text: a machine, a model, an artifact, a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backends.cli_text import facts, table, wrapped
from backends.codec import from_plain
from backends.domain.hardware import Accelerator, HardwareProfile
from backends.reporting import words
from backends.reporting.machine import machine


def detect_text(document: Any) -> str:
    """What the machine has, what can be used of it, and why the rest could not be told."""
    profile = from_plain(document["hardware"], HardwareProfile)
    entries = [(one.name.removesuffix(" at the start"), one) for one in machine(profile)]
    known = [(name, one.value) for name, one in entries if one.known]
    parts = [
        facts([*known, *_uses(profile.accelerators), ("Storage", _storage(profile))]),
        "\n".join(["frameworks", *map(_framework, document["frameworks"])]),
    ]
    unknown = [f"{name}: {one.value.removeprefix('Not known. ')}" for name, one in entries if not one.known]
    unknown += [note.why_not for note in profile.accelerator_notes if note.why_not]
    if unknown:
        parts.append("\n".join(["not there, or not told", *(_item(line) for line in unknown)]))
    return "\n\n".join(parts)


def _item(text: str) -> str:
    return wrapped(text, "  ", "      ")


def _uses(accelerators: tuple[Accelerator, ...]) -> Iterator[tuple[str, str]]:
    for one in accelerators:
        how = ", ".join(
            f"{use.framework} ({use.how})" if use.seen else f"{use.framework} (built for {use.how})"
            for use in one.usable_by
        )
        told = [f"{one.name}: {how or 'no framework here uses it'}.", one.note]
        yield "Usable by", " ".join(part for part in told if part)


def _storage(profile: HardwareProfile) -> str:
    free, total = profile.storage.free_bytes, profile.storage.total_bytes
    if free.value is None:
        return f"Not known. {free.why_not}"
    whole = "" if total.value is None else f" of {words.gibibytes(total.value)}"
    return f"{words.gibibytes(free.value)} free{whole} at {profile.storage.path}"


def _framework(answer: Mapping[str, Any]) -> str:
    if answer["available"]:
        devices = ", ".join(answer["devices"]) or "no device"
        return _item(f"{answer['framework']} {answer['version']}: {devices}")
    return _item(f"{answer['framework']}: {answer['reason'].rstrip('.')}. {answer['remedy']}".rstrip())


def assess_text(document: Any) -> str:
    """What the model is, then a line for each framework: does it take it, and why."""
    profile = document["profile"]
    takers = [
        _item(f"{one['title']}: {'yes' if one['takes'] else 'no'}, {one['reason']}")
        for one in document["frameworks"]
    ]
    forms = [_item(f"{form}: {path}") for form, path in document["forms"].items()]
    parts = [facts(_model(profile)), "\n".join(["frameworks", *takers]), "\n".join(["forms", *forms])]
    return "\n\n".join([*parts, *_warnings(profile)])


def _model(profile: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Facts that the model does not have are left out by :func:`backends.cli_text.facts`."""
    yield "Model", profile["name"]
    yield "Kind", f"{profile['kind']} model, {profile['architecture'] or 'architecture not told'}"
    yield "Format", f"{profile['format']}, {profile['precision']}, {_megabytes(profile['size_bytes'])}"
    yield from _weights(profile["contents"])
    sizes = {"layers": "layers", "heads": "heads", "kv_heads": "key-value heads", "experts": "experts"}
    sizes |= {"hidden_size": "hidden units", "vocabulary": "entries in the vocabulary"}
    told = [f"{profile[key]:,} {name}" for key, name in sizes.items() if profile[key] is not None]
    yield "Shape", ", ".join(told)
    context = profile["context_length"]
    yield "Context", "" if context is None else f"{context:,} tokens"
    for name, tensors in (("Inputs", profile["inputs"]), ("Outputs", profile["outputs"])):
        yield name, ", ".join(map(_tensor, tensors))
    yield "Tokenizer", profile["tokenizer"]
    yield "Licence", profile["licence"] or "not told by the model"
    yield "Weights", "random, for speed and memory only" if profile["shape_only"] else ""


def _weights(contents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Parameters", f"{contents['parameters'] / 1e6:,.2f} M"
    yield "Bits per weight", f"{contents['bits_per_weight']:.2f}"
    yield "Tensor types", ", ".join(f"{count:,} × {name}" for name, count in contents["tensor_types"].items())


def _tensor(one: Mapping[str, Any]) -> str:
    return f"{one['name']} {one['dtype']} {'×'.join(map(str, one['shape']))}"


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:,.2f} MB"


def _warnings(found: Mapping[str, Any]) -> list[str]:
    told = [_item(warning) for warning in found["warnings"]]
    return ["\n".join(["warnings", *told])] if told else []


def artifact_text(document: Any, source_bytes: int | None = None) -> str:
    """What was made, and how closely it follows its source, whose size is ``source_bytes``."""
    share = f", {document['size_bytes'] / source_bytes:.0%} of its source" if source_bytes else ""
    rows = [
        ("Made", f"{document['name']} {document['precision']} by {document['framework_title']}"),
        ("Where", document["path"]),
        ("Size", _megabytes(document["size_bytes"]) + share),
        *_weights(document["contents"]),
        ("Took", words.minutes(document["took_s"])),
    ]
    proof = ["compared with its source", *map(_item, sameness(document))] if document["sameness"] else []
    parts = [facts(rows), "\n".join(proof), *_warnings(document)]
    return "\n\n".join(part for part in parts if part)


def sameness(artifact: Mapping[str, Any]) -> Iterator[str]:
    """How closely an artifact follows what it was made of, a sentence a conversion."""
    for found in artifact["sameness"]:
        agreement = found["top1_agreement"]
        same = "" if agreement is None else f"top-1 agreement {agreement:.1%}, "
        tokens = {True: ", same tokens", False: ", other tokens", None: ""}[found["same_tokens"]]
        yield f"{found['compared']}: {same}largest difference {found['max_abs_difference']:.2g}{tokens}"


def recommend_text(document: Any) -> str:
    """The ranking at a glance, then why each stands where it does, then what was ruled out."""
    shown = [one for one in document["candidates"] if one["headline"]]
    header = ["candidate", "MB", "expected quality", "expected tok/s"]
    parts = [wrapped(document["rule_text"], "")]
    if shown:
        parts.append(table(header, [_candidate_row(one) for one in shown]) + "\n* recommended")
    parts += ["\n".join([_candidate(one), *map(_item, one["reasons"])]) for one in shown]
    gone = [
        _item(f"{one['title']}: {one['reason'].rstrip('.')}. {one['remedy']}".rstrip())
        for one in document["ruled_out"]
    ]
    return "\n\n".join([*parts, *(["\n".join(["ruled out", *gone])] if gone else [])])


def _candidate(candidate: Mapping[str, Any]) -> str:
    return f"{candidate['title']} {candidate['precision']}" + (" *" if candidate["recommended"] else "")


def _candidate_row(candidate: Mapping[str, Any]) -> list[str]:
    low, high = candidate["expected_quality"]
    decode = candidate["decode"]
    return [
        _candidate(candidate),
        f"{candidate['fit']['weight_bytes'] / 1e6:.1f}",
        f"{low * 100:.3g}–{high * 100:.3g} %" if (low, high) != (0.0, 1.0) else "not known",
        f"{decode['low']:,.0f}–{decode['high']:,.0f}" if decode else "not predicted",
    ]
