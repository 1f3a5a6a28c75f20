"""llama.cpp for real: every precision it offers, what lands in the file, and figures known from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.domain.events import Log, Progress
from backends.domain.metric import TokenWorkload
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks import registry
from backends.frameworks.base import OptimizeRequest
from backends.jobs.context import Context
from backends.jobs.launcher import WorkerProcess, wait
from backends.jobs.spec import OPTIMIZE, JobSpec
from backends.quality.scoring import token_log_probabilities
from tests.conftest import ROOT
from tests.contract import tiny_models
from tests.contract.conftest import Engine, Sources, quiet

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed here")
pytestmark = [pytest.mark.real, pytest.mark.slow]

LLAMA = registry.manifest("llamacpp")
PRECISIONS = [spec.name for spec in LLAMA.precisions]
K_TYPES = [name for name in PRECISIONS if "_K" in name]

# What the bulk of a real K, IQ or plain quantization consists of, where the label does not say so.
BULK = {"Q2_K_S": "Q2_K", "IQ2_S": "IQ2_XS", "IQ2_M": "IQ2_S", "IQ3_XS": "IQ3_XXS", "IQ3_M": "IQ3_S"} | {
    "MXFP4_MOE": "Q8_0"
}


def bulk_type(precision: str) -> str:
    if precision in BULK:
        return BULK[precision]
    return (
        precision.rsplit("_", 1)[0]
        if precision[-2:] in ("_S", "_M", "_L") and "_K_" in precision
        else precision
    )


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    """One process for many quantizations."""
    process = WorkerProcess()
    yield process
    process.close()


def optimize(
    worker: WorkerProcess,
    source: Path,
    precision: str,
    output: Path,
    job: Context | None = None,
    **more: object,
) -> Artifact:
    output.mkdir(exist_ok=True)
    request = OptimizeRequest(source, ModelFormat.GGUF, ModelKind.LANGUAGE, precision, output, threads=1)
    request = replace(request, **more)  # type: ignore[arg-type]
    made: Artifact = wait(worker.submit(JobSpec(OPTIMIZE, request, "llamacpp")), job or quiet())
    return made


def types_in(path: Path) -> Counter[str]:
    """Of the matrices: norms are never quantized."""
    tensors = gguf.GGUFReader(path).tensors
    return Counter(tensor.tensor_type.name for tensor in tensors if "norm" not in tensor.name)


def original(path: Path, precision: str = "F32") -> Artifact:
    return Artifact(
        "original",
        "llamacpp",
        precision,
        ModelFormat.GGUF,
        ModelKind.LANGUAGE,
        path,
        path.stat().st_size,
        TensorContents({}, 0, 0, 0.0),
        path,
        original=True,
    )


@pytest.mark.timeout(900)  # the tables of IQ1_S alone take ten seconds of processor time
def test_every_precision_of_the_manifest_is_really_made(
    worker: WorkerProcess, sources: Sources, tmp_path: Path
) -> None:
    """Rows of 256: nothing falls back, and the type the label names fills most of the file."""
    source = sources.language[ModelFormat.GGUF]
    for precision in PRECISIONS:
        options = {"imatrix_chunks": 2}
        made = optimize(
            worker, source, precision, tmp_path / precision, calibration=sources.text, options=options
        )
        found = types_in(made.path)
        assert found[bulk_type(precision)] >= 4, (precision, found)
        assert not [warning for warning in made.warnings if "fell back" in warning], precision


def test_exactly_those_marked_so_need_a_text(worker: WorkerProcess, sources: Sources, tmp_path: Path) -> None:
    refused = []
    for precision in PRECISIONS:
        try:
            optimize(worker, sources.language[ModelFormat.GGUF], precision, tmp_path / precision)
        except BadInput as error:
            refused.append(precision if "text to calibrate" in error.message else str(error))
    assert refused == [spec.name for spec in LLAMA.precisions if spec.needs_calibration]


def test_nominal_bits_order_the_real_sizes(worker: WorkerProcess, sources: Sources, tmp_path: Path) -> None:
    source = sources.language[ModelFormat.GGUF]
    order = ["Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16", "F32"]
    sizes = [optimize(worker, source, name, tmp_path / name).size_bytes for name in order]
    bits = [spec.bits for name in order if (spec := LLAMA.precision(name))]
    assert sizes == sorted(sizes)
    assert bits == sorted(bits)


def test_options_reach_the_tensors(worker: WorkerProcess, sources: Sources, tmp_path: Path) -> None:
    source = sources.language[ModelFormat.GGUF]
    pure = optimize(worker, source, "Q4_K_M", tmp_path / "pure", options={"pure": True})
    assert set(types_in(pure.path)) == {"Q4_K"}
    options = {"tensor_types": "ffn_down=Q8_0,attn_v=q5_0", "token_embedding_type": "Q2_K"}
    mixed = optimize(worker, source, "Q4_K_M", tmp_path / "mixed", options=options)
    by_name = {t.name: t.tensor_type.name for t in gguf.GGUFReader(mixed.path).tensors}
    assert by_name["blk.0.ffn_down.weight"] == "Q8_0"
    assert by_name["blk.1.attn_v.weight"] == "Q5_0"
    assert by_name["token_embd.weight"] == "Q2_K"
    assert mixed.options.items() >= options.items()


def test_a_pattern_that_would_do_nothing_is_refused(
    worker: WorkerProcess, sources: Sources, tmp_path: Path
) -> None:
    source = sources.language[ModelFormat.GGUF]
    with pytest.raises(BadInput, match="like “router”"):
        optimize(worker, source, "Q4_K_M", tmp_path / "none", options={"tensor_types": "router=Q8_0"})
    with pytest.raises(BadInput, match="F16 leaves no tensor"):
        optimize(worker, source, "F16", tmp_path / "half", options={"tensor_types": "attn_v=Q8_0"})


def test_what_a_tensor_could_not_be_is_said(worker: WorkerProcess, stories: Path, tmp_path: Path) -> None:
    """Rows of 172 hold no block of any kind."""
    made = optimize(worker, stories, "Q8_0", tmp_path / "out", options={"tensor_types": "0.ffn_down=Q6_K"})
    assert "“blk.0.ffn_down.weight” was to be Q6_K and is F16." in made.warnings


@pytest.mark.parametrize("imatrix", [False, True])
def test_a_number_of_bits_per_weight_is_a_limit_that_is_used_up(
    imatrix: bool, worker: WorkerProcess, sources: Sources, tmp_path: Path
) -> None:
    source = sources.language[ModelFormat.GGUF]
    for bits in (3.0, 4.25, 6.0):
        options = {"bits_per_weight": bits, "imatrix": imatrix, "imatrix_chunks": 2}
        made = optimize(
            worker, source, "Q4_K_M", tmp_path / f"{bits}", calibration=sources.text, options=options
        )
        tensors = gguf.GGUFReader(made.path).tensors
        reached = 8 * sum(t.n_bytes for t in tensors) / sum(t.n_elements for t in tensors)
        assert 0.93 * bits <= reached <= bits
        assert made.options["reached_bits_per_weight"] == pytest.approx(float(reached), abs=1e-3)
    with pytest.raises(BadInput, match="cannot be reached"):
        optimize(worker, source, "Q4_K_M", tmp_path / "less", options={"bits_per_weight": 2.0})
    small = optimize(worker, source, "Q8_0", tmp_path / "small")
    with pytest.raises(BadInput, match="unquantized"):
        optimize(worker, small.path, "Q4_K_M", tmp_path / "again", options={"bits_per_weight": 4.0})


def test_types_within_a_limit_lose_less_than_one_type_for_all(
    worker: WorkerProcess, engine: Engine, tmp_path: Path
) -> None:
    """The bundled model at the size of pure Q3_K: closer to the original by the choice alone."""
    source = bundled_gguf()
    pure = optimize(worker, source, "Q3_K_M", tmp_path / "pure", options={"pure": True})
    bits = float(pure.options["reached_bits_per_weight"])
    chosen = optimize(worker, source, "Q3_K_M", tmp_path / "chosen", options={"bits_per_weight": bits})
    assert chosen.size_bytes <= pure.size_bytes
    text = (source.parent / "eval.txt").read_text()[:6_000]
    known = [perplexity(engine, one, text) for one in (original(source, "F16"), chosen, pure)]
    assert known[0] < known[1] < known[2]


def bundled_gguf() -> Path:
    return ROOT / "resources" / "models" / "edgewright-lm" / "edgewright-lm-f16.gguf"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": "red"}, "no option “colour”"),
        ({"pure": "yes"}, "“pure” cannot be “yes”"),
        ({"token_embedding_type": "Q9"}, "cannot be “Q9”"),
        ({"tensor_types": "ffn_down"}, "tensor_types"),
        ({"tensor_types": "ffn_(=Q8_0"}, "tensor_types"),
        ({"imatrix_chunks": 0}, "imatrix_chunks"),
    ],
)
def test_options_that_make_no_sense(
    options: dict[str, object], words: str, worker: WorkerProcess, sources: Sources, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=words):
        optimize(worker, sources.language[ModelFormat.GGUF], "Q4_K_M", tmp_path / "out", options=options)


def test_quantizing_what_is_quantized(worker: WorkerProcess, sources: Sources, tmp_path: Path) -> None:
    small = optimize(worker, sources.language[ModelFormat.GGUF], "Q4_K_M", tmp_path / "small")
    with pytest.raises(BadInput, match="larger and no better"):
        optimize(worker, small.path, "Q8_0", tmp_path / "larger")
    again = optimize(worker, small.path, "Q2_K", tmp_path / "again")
    assert any("already quantized" in warning for warning in again.warnings)
    copy = optimize(worker, small.path, "Q4_K_M", tmp_path / "copy")
    assert any("a copy" in warning for warning in copy.warnings)


def test_progress_names_each_tensor(worker: WorkerProcess, sources: Sources, tmp_path: Path) -> None:
    events: list[object] = []
    optimize(worker, sources.language[ModelFormat.GGUF], "Q4_K_M", tmp_path / "out", Context(events.append))
    logged = [event.text for event in events if isinstance(event, Log)]
    assert any("blk.0.attn_q.weight: F16 → Q4_K" in text for text in logged)
    assert [event.fraction for event in events if isinstance(event, Progress)][-1] == 1.0


def test_the_importance_matrix_is_the_mean_square_of_what_flows_in(sources: Sources, tmp_path: Path) -> None:
    """The first layer's input is the normalized embedding, so its figures can be had from the file alone."""
    model = sources.language[ModelFormat.GGUF]
    found = importance(model, sources.text, tmp_path / "importance.npz")
    reader = gguf.GGUFReader(model)
    embedding = next(t.data for t in reader.tensors if t.name == "token_embd.weight").astype(np.float64)
    flowing = embedding[found["ids"]]
    flowing /= np.sqrt((flowing**2).mean(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(found["blk.0.attn_q.weight"], (flowing**2).mean(axis=0), rtol=1e-3)
    assert found["tokens"] == 2 * 512
    assert set(found.files) - {"ids", "tokens"} == {
        t.name for t in reader.tensors if t.name.startswith("blk.") and "norm" not in t.name
    }


def test_each_expert_has_an_importance_of_its_own(
    worker: WorkerProcess, sources: Sources, tmp_path: Path
) -> None:
    """Every token goes to two experts: weighed by how many each got, they make up what the router saw."""
    model = tiny_models.language_gguf(tmp_path / "experts.gguf", experts=4)
    found = importance(model, sources.text, tmp_path / "importance.npz")
    experts = found["blk.0.ffn_gate_exps.weight"].reshape(4, -1).astype(np.float64)
    router = found["blk.0.ffn_gate_inp.weight"].astype(np.float64)
    shares, residual, rank, _ = np.linalg.lstsq(experts.T, router, rcond=None)
    assert rank == 4
    assert residual[0] < 1e-6 * (router**2).sum()
    assert shares.sum() == pytest.approx(1.0, abs=1e-3)
    assert shares.min() > 0
    for precision, more in (("IQ2_XXS", {}), ("Q4_K_M", {"imatrix": True, "bits_per_weight": 4.0})):
        options = {"imatrix_chunks": 2, **more}
        made = optimize(
            worker, model, precision, tmp_path / precision, calibration=sources.text, options=options
        )
        assert float(made.options["reached_bits_per_weight"]) < 4.01


def importance(model: Path, text: Path, output: Path) -> Any:
    """Of two chunks of the text, with their ids, collected in a process of its own."""
    script = f"""
from pathlib import Path
import numpy as np
from backends.frameworks.llamacpp.adapter import ADAPTER
from backends.frameworks.llamacpp import imatrix
from backends.frameworks.llamacpp.model import Model
from backends.frameworks.llamacpp.options import OpenOptions
tools = ADAPTER._tools
model = Model(tools.api, tools.log, Path({str(model)!r}), OpenOptions(), tools.cpu)
text = Path({str(text)!r})
found, tokens = imatrix.collect(tools.api, tools.ggml_base, model, text, 2, 1, lambda _: None)
chunks = imatrix.chunked(model.tokenize(imatrix.read_text(text)), 2, model.bos_id)
np.savez({str(output)!r}, ids=np.concatenate(chunks), tokens=tokens, **found)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True)
    return np.load(output)


def test_without_bytes_in_the_vocabulary_a_foreign_character_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    """llama.cpp itself would abort the process."""
    model = tiny_models.language_gguf(tmp_path / "bare.gguf", bytes_in_vocabulary=False)
    with engine(original(model, "F16")) as handle:
        assert handle.tokenize(["the cat sat"])[0]
        with pytest.raises(BadInput, match="“ü”"):
            handle.tokenize(["the cat für"])
        assert handle.tokenize(["the dog ran"])[0]


def test_batches_and_cache_types_are_taken(engine: Engine, sources: Sources) -> None:
    model = original(sources.language[ModelFormat.GGUF], "F16")
    prompt = tuple(range(260, 290)) * 4
    with engine(model) as handle:
        plain = handle.measure(TokenWorkload(prompt, 16)).token_ids
        cache_bytes = handle.memory(TokenWorkload(prompt, 4)).kv_cache_bytes
    with engine(model, options={"n_batch": 32, "n_ubatch": 16}) as handle:
        assert handle.measure(TokenWorkload(prompt, 16)).token_ids == plain
    with engine(model, options={"type_k": "q8_0", "type_v": "q8_0", "flash_attn": True}) as handle:
        assert "KV cache Q8_0/Q8_0" in " ".join(handle.engine.details)
        smaller = handle.memory(TokenWorkload(prompt, 4)).kv_cache_bytes
    for name in ("BF16", "q4_0", "IQ4_NL"):
        with engine(model, options={"type_k": name, "type_v": name, "flash_attn": True}) as handle:
            assert f"KV cache {name.upper()}/{name.upper()}" in " ".join(handle.engine.details)
    assert cache_bytes == 2 * 2 * 128 * 1024 * 2  # keys and values, layers, width, tokens, bytes
    assert smaller == cache_bytes * 34 // 64


def test_llama_bench_workloads(engine: Engine, sources: Sources) -> None:
    with engine(original(sources.language[ModelFormat.GGUF], "F16")) as handle:
        prompt = handle.measure(TokenWorkload(tuple(range(3, 259)) * 2, 1, sampling=False))
        generation = handle.measure(TokenWorkload((), 32, sampling=False))
    assert prompt.prompt_tokens == 512
    assert prompt.prefill_tokens_per_s > 0
    assert len(generation.token_times_s) == 32
    assert generation.decode_tokens_per_s > 0


@pytest.mark.parametrize(
    ("load", "words"),
    [({"device": "CUDA"}, "no device “CUDA”"), ({"options": {"type_k": "Q7"}}, "cannot be “Q7”")],
)
def test_loading_what_is_not_there(
    load: dict[str, object], words: str, engine: Engine, sources: Sources
) -> None:
    model = original(sources.language[ModelFormat.GGUF], "F16")
    with pytest.raises(BadInput, match=words), engine(model, **load):
        pass


def test_a_context_beyond_training_is_warned_of(engine: Engine, sources: Sources) -> None:
    model = original(sources.language[ModelFormat.GGUF], "F16")
    with engine(model, context=2 * tiny_models.CONTEXT) as handle:
        assert any("longer than" in warning for warning in handle.engine.warnings)


@pytest.fixture
def stories(shared_data: Path) -> Path:
    return shared_data / "stories260k" / "stories260K.gguf"


def test_the_label_is_not_the_contents(worker: WorkerProcess, stories: Path, tmp_path: Path) -> None:
    """Rows of 64 and 172 hold no K blocks of 256; every such precision is made, and says what it is not."""
    for precision in K_TYPES:
        if (spec := LLAMA.precision(precision)) and spec.needs_calibration:
            continue
        made = optimize(worker, stories, precision, tmp_path / precision)
        assert not [name for name in types_in(made.path) if name.endswith("_K")], precision
        assert "of 37 weight matrices fell back" in made.warnings[0]


def test_perplexity_is_that_of_llama_cpps_own_tool(
    worker: WorkerProcess, engine: Engine, stories: Path, shared_data: Path, tmp_path: Path
) -> None:
    """Known: F32 3.830, Q8_0 3.831, Q4_K_M 3.898, Q4_0 4.125 over the whole text; this takes 24 windows."""
    text = (shared_data / "text" / "tinystories_head.txt").read_text()
    text = text.replace("<|endoftext|>", "")[:24_000]  # the mark is no token of this vocabulary
    found = {"F32": perplexity(engine, original(stories), text)}
    for precision in ("Q8_0", "Q4_K_M", "Q4_0"):
        found[precision] = perplexity(
            engine, optimize(worker, stories, precision, tmp_path / precision), text
        )
    assert found["F32"] == pytest.approx(3.83, rel=0.15)
    assert found["Q8_0"] / found["F32"] == pytest.approx(3.831 / 3.830, abs=0.01)
    assert found["Q4_K_M"] / found["F32"] == pytest.approx(3.898 / 3.830, abs=0.02)
    assert found["Q4_0"] / found["F32"] == pytest.approx(4.125 / 3.830, abs=0.04)


def perplexity(engine: Engine, artifact: Artifact, text: str, window: int = 256, most: int = 24) -> float:
    """As llama-perplexity counts it: windows that begin with BOS, their second halves scored."""
    scores: list[float] = []
    with engine(artifact, context=window) as handle:
        ids = handle.tokenize([text])[0]
        for start in range(0, min(len(ids) - window, most * window), window):
            piece = (tiny_models.BOS_ID, *ids[start + 1 : start + window])
            logits = np.load(handle.logits(piece).path)[window // 2 : -1]
            scores.extend(token_log_probabilities(logits, piece[window // 2 + 1 :]))
    return float(np.exp(-np.mean(scores)))
