"""Teaching a model: finetune."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backends import cli_text
from backends.cli_run import run_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.commands.sourcing import named
from backends.domain.finetuning import FinetuneSettings
from backends.jobs.context import Context

DEFAULTS = FinetuneSettings()


def add(add_command: AddCommand) -> None:
    tune = add_command("finetune", _finetune, "teach a language model from lines of your own (LoRA)", _text)
    tune.add_argument("model", type=Path, help="a Hugging Face or MLX folder")
    tune.add_argument("--data", type=Path, required=True, metavar="FILE.jsonl", help="one example a line")
    tune.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    for flag, name, kind, what in (
        ("--iters", "iterations", int, "training steps"),
        ("--rank", "rank", int, "columns of an adapter"),
        ("--layers", "layers", int, "how many of the last layers get adapters; 0: all"),
        ("--scale", "scale", float, "what the adapters' output is multiplied by"),
        ("--dropout", "dropout", float, "share of the adapters' inputs left out while training"),
        ("--learning-rate", "learning_rate", float, "step size"),
        ("--batch", "batch_size", int, "examples a step"),
        ("--sequence", "sequence_tokens", int, "tokens a line, longer ones are cut"),
        ("--held-out", "held_out", float, "share of the lines that is only judged by"),
        ("--seed", "seed", int, "for the split and the adapters' first values"),
    ):
        default = getattr(DEFAULTS, name)
        tune.add_argument(flag, dest=name, type=kind, default=default, help=f"{what} (default {default:g})")
    tune.add_argument("--mask-prompt", action="store_true", help="learn the answers only")
    tune.add_argument(
        "--dequantize", action="store_true", help="fuse a quantized base into an unquantized model"
    )
    tune.add_argument("--bench", action="store_true", help="measure the fused model against its base")


def _finetune(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.assess import assess
    from backends.actions.finetune import compare_with_base, finetune
    from backends.storage.history import History
    from backends.storage.paths import app_paths

    names = FinetuneSettings.__dataclass_fields__
    settings = FinetuneSettings(**{name: getattr(arguments, name) for name in names})
    source = assess(named(arguments.model, job), job)
    tuned = finetune(source, arguments.data, arguments.out, job, settings, arguments.dequantize)
    record = None
    if arguments.bench:
        record = compare_with_base(source, tuned, job, History(app_paths().history))
    return {
        **to_plain(tuned),
        "perplexity_before": tuned.perplexity_before,
        "perplexity_after": tuned.perplexity_after,
        "comparison": cli_text.run_document(record) if record else None,
    }


def _text(document: Any) -> str:
    artifact = document["artifact"]
    lines = [
        f"Loss of {document['held_out_lines']} lines held out: {document['loss_before']:.3f} before, "
        f"{document['loss_after']:.3f} after (perplexity {document['perplexity_before']:,.2f} and "
        f"{document['perplexity_after']:,.2f})",
        f"Trained on {document['training_lines']} lines, {document['trained_tokens']:,} tokens, "
        f"{document['trained_parameters']:,} parameters, in {document['took_s']:.0f} s",
        f"Fused: {artifact['path']} ({artifact['size_bytes'] / 1e6:,.1f} MB)",
        f"Adapters: {document['adapters']} ({document['adapter_bytes'] / 1e6:,.1f} MB)",
        *document["warnings"],
    ]
    if document["comparison"]:
        lines += ["", run_text(document["comparison"])]
    return "\n".join(lines)
