"""``python -m tests.benchmarks.against_llama_bench CACHE``: our pp512 and tg128 against llama-bench's own.

llama-bench is built in CACHE from the source of the installed llama-cpp-python (ten minutes the first time;
see ``llama_bench_program``). Both run the same file: random weights of a 0.5 B shape, made in CACHE. Both get
the same threads, batch 512, F16 cache, memory-mapped weights and no repacking: where the library was built
with AMX, repacked weights crash it, so Edgewright leaves them off. Turns of three repetitions of each test,
pair after pair in mirrored order, each in a process of its own.

A pair takes about 50 s on two quiet cores: six pairs five minutes.
Exit code 0: every ratio is within 2 %, or its 95 % interval holds 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from backends.actions.artifacts import DESCRIPTION, load_artifact, original_artifact
from backends.actions.engines import opener
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.benchmarking import llama_bench
from backends.benchmarking.clock import RealClock
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.frameworks.generation import physical_cores
from tests.benchmarks import half_billion, turns
from tests.benchmarks.llama_bench_program import llama_bench_program

BATCH = 512
REPETITIONS = 3
PRECISIONS = ("F16", "Q8_0", "Q4_K_M")


@dataclass(frozen=True)
class Sizes:
    prompt: int
    new: int

    @property
    def units(self) -> Mapping[str, str]:
        return {f"pp{self.prompt}": "tokens/s", f"tg{self.new}": "tokens/s"}


def artifact_of(cache: Path, precision: str, layers: int) -> Artifact:
    """The model in this precision, made at the first use."""
    source = source_model(half_billion.write(cache / f"random-{layers}-layers-f16.gguf", layers))
    if precision == "F16":
        return original_artifact(source)
    folder = cache / f"random-{layers}-layers-{precision.lower()}"
    if not (folder / DESCRIPTION).is_file():
        turns.say(f"quantizing to {precision}")
        quantize(source, "llamacpp", precision, folder, turns.quiet_job())
    return load_artifact(folder)


def load_options(sizes: Sizes, threads: int, flash_attention: str) -> LoadOptions:
    flash: bool | str = {"on": True, "off": False}.get(flash_attention, "auto")
    options = {"n_batch": BATCH, "n_ubatch": BATCH, "repack": False, "mmap": True, "flash_attn": flash}
    return LoadOptions(threads=threads, context=sizes.prompt + sizes.new, options=options)


def ours(configuration: Configuration, vocabulary: int, sizes: Sizes) -> Mapping[str, float]:
    """Each test after one unmeasured pass, in a worker of its own.

    Speed differs by some per cent from process to process: an open worker would carry its luck through all
    pairs, while llama-bench is started anew for each.
    """
    job = turns.quiet_job()
    with closing(opener(job)(configuration)) as engine:
        found = llama_bench.measure(
            engine,
            vocabulary,
            RealClock(),
            job,
            prompt_tokens=sizes.prompt,
            new_tokens=sizes.new,
            repetitions=REPETITIONS,
        )
    return {series.name: series.mean for series in found}


def theirs(
    program: Path, model: Path, sizes: Sizes, threads: int, flash_attention: str
) -> Mapping[str, float]:
    """Each test after llama-bench's own warm-up."""
    settings = {
        "-m": model,
        "-p": sizes.prompt,
        "-n": sizes.new,
        "-r": REPETITIONS,
        "-t": threads,
        "-o": "json",
        "-b": BATCH,
        "-ub": BATCH,
        "-ctk": "f16",
        "-ctv": "f16",
        "-lm": "mmap",
        "--repack": 0,
        "-fa": flash_attention,
        "-ngl": 0,
    }
    command = [str(program), *(str(part) for pair in settings.items() for part in pair)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(zip(sizes.units, (row["avg_ts"] for row in json.loads(told)), strict=True))


def main() -> int:
    parser = turns.parser(__doc__, pairs=6)
    parser.add_argument("cache", type=Path, help="folder for llama-bench and models, kept for the next time")
    parser.add_argument("--precision", choices=PRECISIONS, default="Q8_0")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--flash-attention", choices=("auto", "on", "off"), default="auto")
    parser.add_argument("--layers", type=int, default=half_billion.LAYERS, help="fewer: a quick try")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=128)
    asked = parser.parse_args()
    sizes = Sizes(asked.prompt, asked.new)
    program = llama_bench_program(asked.cache)
    artifact = artifact_of(asked.cache, asked.precision, asked.layers)
    load = load_options(sizes, asked.threads, asked.flash_attention)
    configuration = Configuration(artifact, load)
    with closing(opener(turns.quiet_job())(configuration)) as engine:
        turns.say(f"{artifact.path.name}: {', '.join(engine.engine.details)}")
    found = turns.in_turns(
        lambda: ours(configuration, half_billion.VOCABULARY, sizes),
        lambda: theirs(program, artifact.path, sizes, asked.threads, asked.flash_attention),
        asked.pairs,
        sizes.units,
    )
    return turns.report(
        found, asked.json, what="llama-bench", precision=asked.precision, threads=asked.threads
    )


if __name__ == "__main__":
    sys.exit(main())
