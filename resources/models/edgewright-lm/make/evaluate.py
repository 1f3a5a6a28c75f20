"""Check the exported files against each other and measure them; writes evaluation.json beside this folder.

python evaluate.py --work WORK     # quantized files go to WORK
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import llama_cpp
import numpy as np
import sentencepiece
from engines import open_gguf, open_hf, open_onnx, quantize_gguf, tensor_types
from tasks import BOS, Item, LogitsOf, accuracy_table, chance, choice_score, is_right, load_items
from transformers import AutoTokenizer

MODEL_DIR = Path(__file__).resolve().parent.parent
F16 = MODEL_DIR / "edgewright-lm-f16.gguf"
WINDOWS, LENGTH = 16, 512
FILE_TYPES = {
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q2_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q2_K,
}
SAMPLES = (
    "Question: What is 7 + 15? Answer:",
    "Tom has 3 apples.\nAnna has none!",
    "naïve – 100 % ☃",
    "two  spaces",
)


def eval_windows(tokenizer: sentencepiece.SentencePieceProcessor) -> list[list[int]]:
    """Return the first windows of eval.txt, each beginning with bos."""
    ids = tokenizer.encode((MODEL_DIR / "eval.txt").read_text(encoding="ascii"))
    step = LENGTH - 1
    return [[BOS, *ids[at * step : (at + 1) * step]] for at in range(WINDOWS)]


def perplexity(logits_of: LogitsOf, windows: list[list[int]]) -> float:
    """Score the second half of every window."""
    half = LENGTH // 2
    total = sum(choice_score(logits_of(window), window, half) for window in windows)
    return float(np.exp(-total / (len(windows) * half)))


def same_ids(tokenizer: sentencepiece.SentencePieceProcessor, texts: list[str]) -> bool:
    """Say whether transformers and llama.cpp tokenize like SentencePiece."""
    hf = AutoTokenizer.from_pretrained(MODEL_DIR / "hf")
    _, llama = open_gguf(F16)
    for text in texts:
        ours = [BOS, *tokenizer.encode(text)]
        others = {
            "transformers": hf(text)["input_ids"],
            "llama.cpp": llama.tokenize(text.encode(), add_bos=True),
        }
        for name, ids in others.items():
            if ids != ours:
                print(f"{name} differs on {text!r}: {ids} instead of {ours}")
                return False
    return True


def compare(reference: LogitsOf, other: LogitsOf, windows: list[list[int]]) -> dict[str, float]:
    """Return top-1 agreement and the largest difference of log-probabilities over the windows."""
    agree, worst = [], 0.0
    for window in windows:
        a, b = (f(window).astype(np.float64) for f in (reference, other))
        agree.append((a.argmax(1) == b.argmax(1)).mean())
        worst = max(worst, float(np.abs(log_softmax(a) - log_softmax(b)).max()))
    return {"top1_agreement": float(np.mean(agree)), "max_logprob_difference": worst}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def measure(logits_of: LogitsOf, items: list[Item], windows: list[list[int]]) -> dict[str, object]:
    """Return perplexity and accuracies."""
    table = accuracy_table(items, [is_right(item, logits_of) for item in items])
    return {
        "perplexity": round(perplexity(logits_of, windows), 4),
        "accuracy": {k: round(v, 4) for k, v in table.items()},
    }


def measure_gguf(path: Path, items: list[Item], windows: list[list[int]]) -> dict[str, object]:
    """Measure a GGUF and note what is really in it."""
    types, bits = tensor_types(path)
    logits_of, _ = open_gguf(path)
    found = measure(logits_of, items, windows)
    return {"bytes": path.stat().st_size, "tensors": types, "bits_per_weight": bits} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--items", type=int, help="only so many tasks (for a quick look)")
    options = parser.parse_args()
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(MODEL_DIR / "hf" / "tokenizer.model"))
    items = load_items(MODEL_DIR / "tasks.jsonl", tokenizer)[: options.items]
    windows = eval_windows(tokenizer)

    hf, onnx = open_hf(MODEL_DIR / "hf"), open_onnx(MODEL_DIR / "onnx")
    report: dict[str, object] = {
        "items": len(items), "chance": round(chance(items), 4),
        "same_ids": same_ids(tokenizer, [*SAMPLES, (MODEL_DIR / "eval.txt").read_text(encoding="ascii")]),
        "onnx_against_hf": compare(hf, onnx, windows[:4]),
        "f16_gguf_against_hf": compare(hf, open_gguf(F16)[0], windows[:4]),
        "hf_fp32": measure(hf, items, windows),
        "F16": measure_gguf(F16, items, windows),
    }  # fmt: skip
    for name, file_type in FILE_TYPES.items():
        path = options.work / f"edgewright-lm-{name}.gguf"
        quantize_gguf(F16, path, file_type)
        report[name] = measure_gguf(path, items, windows)
        print(name, json.dumps(report[name]), flush=True)
    (MODEL_DIR / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
