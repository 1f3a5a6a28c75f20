"""``python -m tests.benchmarks.engines_agree``: one model, four engines, one perplexity; and what KL tells.

stories260k (from the shared test data) predicts TinyStories text, the same token ids in llama.cpp, ONNX
Runtime, OpenVINO and MLX, all at full precision: the perplexities lie within 0.5 % of each other. In
llama.cpp the KL divergence of F16 against itself is below 1e-6, and Q4_0's is clearly above Q8_0's (their
intervals are apart). Keeping the reference of a model with 32,000 words takes less than 1 % of the memory its
full logits would. An engine whose environment is not installed is named and left out.
Exit code 0: all that was tried holds; 1: something does not; 2: the test data is not there.

Takes about four minutes on two quiet cores, the conversions included.
"""

from __future__ import annotations

import json
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.actions.artifacts import original_artifact
from backends.actions.convert import form_of
from backends.actions.engines import opener
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import EdgewrightError
from backends.domain.metric import Interval
from backends.domain.model import ModelFormat
from backends.domain.result import LanguageFidelity
from backends.quality import harness
from backends.quality.perplexity import WINDOW_TOKENS, WINDOWS
from tests.benchmarks import half_billion, turns
from tests.conftest import SHARED_DATA

STORIES = SHARED_DATA / "stories260k"
TEXT = SHARED_DATA / "text" / "tinystories_head.txt"
SEPARATOR = "<|endoftext|>"  # of the text's stories; these models know no such token
CONTEXT, WINDOW = 512, 256
SPREAD, LEAST_KL, MEMORY_SHARE = 0.005, 1e-6, 0.01
BYTES = 4  # of a logit


@dataclass(frozen=True)
class Check:
    what: str
    value: float
    limit: float
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'FAILS'}  {self.what}: {self.value:.3g} (limit {self.limit:g})"


def stories_text(folder: Path) -> Path:
    path = folder / "stories.txt"
    path.write_text(TEXT.read_text(encoding="utf-8").replace(SEPARATOR, "\n"), encoding="utf-8")
    return path


def configuration(artifact: Artifact) -> Configuration:
    return Configuration(artifact, LoadOptions(threads=1, context=CONTEXT))


def full_precision() -> Iterator[tuple[str, Artifact]]:
    """The model in each engine, at 32 bits; converted where it has to be."""
    job = turns.quiet_job()
    gguf = original_artifact(source_model(STORIES / "stories260K.gguf"))
    yield "llama.cpp", gguf
    folder = source_model(STORIES / "hf")
    forms = {
        "ONNX Runtime": ModelFormat.ONNX,
        "OpenVINO": ModelFormat.OPENVINO,
        "MLX": ModelFormat.MLX,
    }
    for engine, form in forms.items():
        try:
            turns.say(f"converting for {engine}")
            yield engine, form_of(folder, (form,), job)
        except EdgewrightError as error:
            turns.say(f"{engine} is left out: {error}")


def perplexities(material: harness.LanguageMaterial) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    for engine, artifact in full_precision():
        with_engine = opener(turns.quiet_job())(configuration(artifact))
        try:
            quality = harness.judge_language(with_engine, material, None, turns.quiet_job())
        finally:
            with_engine.close()
        assert quality.fidelity is not None
        found[engine] = quality.fidelity.perplexity
        turns.say(f"{engine}: perplexity {found[engine].estimate:.4f}")
    return found


def divergences(material: harness.LanguageMaterial, scratch: Path) -> Mapping[str, LanguageFidelity]:
    """Of F16, Q8_0 and Q4_0 against F16, each in a worker of its own."""
    source, job = source_model(STORIES / "stories260K.gguf"), turns.quiet_job()
    artifacts = {
        name: quantize(source, "llamacpp", name, scratch / name, job) for name in ("F16", "Q8_0", "Q4_0")
    }
    engine = opener(job)(configuration(artifacts["F16"]))
    try:
        _, baseline = harness.judge_language_original(engine, material, scratch / "reference.npz", job)
    finally:
        engine.close()
    found = {}
    for name, artifact in artifacts.items():
        engine = opener(job)(configuration(artifact))
        try:
            fidelity = harness.judge_language(engine, material, baseline, job).fidelity
        finally:
            engine.close()
        assert fidelity is not None and fidelity.kl_mean is not None
        found[name] = fidelity
        turns.say(f"{name}: KL {fidelity.kl_mean.estimate:.2e} nats")
    return found


def reference_share(scratch: Path, layers: int) -> float:
    """Peak memory of keeping a reference over that of all logits at once, 16 windows of 512 tokens."""
    model = half_billion.write(scratch / "wide.gguf", layers)
    job = turns.quiet_job()
    engine = opener(job)(configuration(original_artifact(source_model(model))))
    tokens = WINDOWS * WINDOW_TOKENS
    ids = tuple(range(300, 300 + tokens))
    windows = harness.cut_windows(list(ids), length=WINDOW_TOKENS, bos_id=None)
    material = harness.LanguageMaterial((), windows)
    tracemalloc.start()
    try:
        harness.judge_language_original(engine, material, scratch / "wide.npz", job)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        engine.close()
    return peak / (tokens * half_billion.VOCABULARY * BYTES)


def checks(
    perplexity: Mapping[str, Interval], kl: Mapping[str, LanguageFidelity], share: float
) -> Iterator[Check]:
    values = [one.estimate for one in perplexity.values()]
    spread = max(values) / min(values) - 1
    yield Check(f"perplexities of {', '.join(perplexity)} apart by", spread, SPREAD, spread <= SPREAD)
    itself, eight, four = (kl[name].kl_mean for name in ("F16", "Q8_0", "Q4_0"))
    assert itself and eight and four
    yield Check("KL of F16 against itself", itself.estimate, LEAST_KL, itself.estimate < LEAST_KL)
    yield Check("KL of Q4_0, lower bound, over Q8_0's upper", four.low, eight.high, four.low > eight.high)
    yield Check("reference's peak memory, of full logits", share, MEMORY_SHARE, share < MEMORY_SHARE)


def main() -> int:
    parser = turns.parser(__doc__)
    parser.add_argument("--layers", type=int, default=1, help="of the model whose reference is weighed")
    asked = parser.parse_args()
    if not STORIES.is_dir() or not TEXT.is_file():
        turns.say(f"skipped: {STORIES} or {TEXT} is not there")
        return 2
    with tempfile.TemporaryDirectory(prefix="edgewright-agree-") as folder:
        scratch = Path(folder)
        gguf = original_artifact(source_model(STORIES / "stories260K.gguf"))
        engine = opener(turns.quiet_job())(configuration(gguf))
        try:
            material = harness.language_material(engine, text=stories_text(scratch), window_tokens=WINDOW)
        finally:
            engine.close()
        perplexity = perplexities(material)
        found = list(
            checks(perplexity, divergences(material, scratch), reference_share(scratch, asked.layers))
        )
    if asked.json:
        document = {
            "perplexity": {name: one.estimate for name, one in perplexity.items()},
            "checks": [{**vars(one)} for one in found],
        }
        print(json.dumps(document, indent=1))
    else:
        print("\n".join(str(one) for one in found))
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
