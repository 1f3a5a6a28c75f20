"""Measuring one artifact in other ways than against an original: sweep, sustained, llama-bench."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.cli_modes import bench_text, sustained_text, sweep_text
from backends.commands.adding import AddCommand, add_device, add_load, options_of
from backends.commands.sourcing import named
from backends.jobs.context import Context

if TYPE_CHECKING:
    from backends.actions.modes import Subject

AXES = ("threads", "depth", "batch", "concurrency", "streams")


def add(add_command: AddCommand) -> None:
    sweep = add_command("sweep", _sweep, "change one thing in steps: threads, depth, batch …", sweep_text)
    _add_subject(sweep)
    sweep.add_argument("--over", choices=AXES, required=True)
    sweep.add_argument("--values", type=_numbers, default=(), help="the steps, such as 1,2,4")
    sweep.add_argument("--rounds", type=int, default=3, help="readings a step")
    sustained = add_command(
        "sustained", _sustained, "hold the first seconds' speed against the last minute's", sustained_text
    )
    _add_subject(sustained)
    sustained.add_argument("--duration", type=float, default=600.0, help="s, at least 70 (default: 600)")
    bench = add_command(
        "llama-bench", _llama_bench, "pp512 and tg128 as llama-bench defines them", bench_text
    )
    _add_subject(bench)
    bench.add_argument("-p", "--prompt", type=int, default=512)
    bench.add_argument("-n", "--new", type=int, default=128)
    bench.add_argument("-r", "--repetitions", type=int, default=5)
    bench.add_argument("--delay", type=float, default=0.0, help="s before each repetition")


def _add_subject(command: argparse.ArgumentParser) -> None:
    command.add_argument("artifact", type=Path)
    command.add_argument("--threads", type=int, default=0)
    command.add_argument(
        "--context", type=int, help="tokens (default: 1,024, or what the model was made for)"
    )
    command.add_argument("--text", type=Path, help="text for the prompts")
    add_device(command)
    add_load(command)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _subject(arguments: argparse.Namespace, job: Context) -> Subject:
    from backends.actions.modes import subject_of

    return subject_of(
        named(arguments.artifact, job),
        job,
        arguments.threads,
        arguments.context,
        arguments.text,
        arguments.device,
        options_of(arguments.load),
    )


def _sweep(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.sweep import run_sweep
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    history = History(app_paths().history)
    subject = _subject(arguments, job)
    return run_sweep(subject, arguments.over, history, arguments.values, arguments.rounds)


def _sustained(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.sustained import run_sustained
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    return run_sustained(_subject(arguments, job), arguments.duration, History(app_paths().history))


def _llama_bench(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.llama_bench import run_llama_bench
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    return run_llama_bench(
        _subject(arguments, job),
        History(app_paths().history),
        arguments.prompt,
        arguments.new,
        arguments.repetitions,
        arguments.delay,
    )
