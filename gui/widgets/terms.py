"""One sentence for every technical term; pages use them as tooltips."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

TERMS: dict[str, object] = {
    "bandwidth": QT_TRANSLATE_NOOP(
        "Terms", "How fast weights can be read from memory; generating text is mostly limited by it."
    ),
    "throughput": QT_TRANSLATE_NOOP(
        "Terms", "How many arithmetic operations a second; reading a prompt is mostly limited by it."
    ),
    "instructions": QT_TRANSLATE_NOOP(
        "Terms", "Extensions of the processor that speed up arithmetic on small numbers."
    ),
    "cache": QT_TRANSLATE_NOOP(
        "Terms", "Fast memory on the processor; the last level is the one all cores share."
    ),
    "swap": QT_TRANSLATE_NOOP("Terms", "Disk used as memory when memory is full; far too slow for a model."),
    "npu": QT_TRANSLATE_NOOP("Terms", "A processor made for neural networks only, sparing with energy."),
    "energy counter": QT_TRANSLATE_NOOP(
        "Terms",
        "A meter in the hardware that counts the energy used; reading it may need a permission.",
    ),
    "throttling": QT_TRANSLATE_NOOP("Terms", "The processor slows down to stay cool or to save energy."),
    "parameters": QT_TRANSLATE_NOOP("Terms", "The number of weights in a model."),
    "precision": QT_TRANSLATE_NOOP("Terms", "How many bits a weight is stored in, and in which scheme."),
    "bits per weight": QT_TRANSLATE_NOOP(
        "Terms",
        "All weights in bits, scales included, divided by their number, as read from the file.",
    ),
    "context": QT_TRANSLATE_NOOP("Terms", "How many tokens a language model can look back on."),
    "token": QT_TRANSLATE_NOOP("Terms", "A piece of text, about three quarters of a word."),
    "tensor types": QT_TRANSLATE_NOOP(
        "Terms", "What is really stored, counted tensor by tensor; it can differ from the file's label."
    ),
    "quantization": QT_TRANSLATE_NOOP(
        "Terms", "Storing weights in fewer bits: smaller and mostly faster, a little less exact."
    ),
    "calibration": QT_TRANSLATE_NOOP(
        "Terms", "Running sample data through a model to find the ranges its numbers move in."
    ),
    "group size": QT_TRANSLATE_NOOP("Terms", "How many neighbouring weights share one scale."),
    "execution provider": QT_TRANSLATE_NOOP(
        "Terms", "What computes on one kind of device inside ONNX Runtime."
    ),
    "prefill": QT_TRANSLATE_NOOP("Terms", "Reading the prompt, all tokens at once; limited by arithmetic."),
    "decode": QT_TRANSLATE_NOOP(
        "Terms", "Writing the answer, token after token; limited by memory bandwidth."
    ),
    "ttft": QT_TRANSLATE_NOOP(
        "Terms", "Time to first token: from the prompt's handing over to the first new token."
    ),
    "cold load": QT_TRANSLATE_NOOP(
        "Terms",
        "Opening the model with its files read from the disk.",
    ),
    "first load": QT_TRANSLATE_NOOP(
        "Terms", "Opening the model at first; whether its files were in memory before is not known."
    ),
    "warm load": QT_TRANSLATE_NOOP(
        "Terms", "Opening the model in a fresh process while its files are still in memory."
    ),
    "first token": QT_TRANSLATE_NOOP(
        "Terms", "Time to first token of the usual prompt, as the first work after a warm load."
    ),
    "from text": QT_TRANSLATE_NOOP(
        "Terms", "From a text to the first new token: chat template, splitting into tokens, and the engine."
    ),
    "gap": QT_TRANSLATE_NOOP("Terms", "The time between two tokens that follow one another."),
    "latency": QT_TRANSLATE_NOOP(
        "Terms", "How long one inference takes: p50 is the median, p95 the slow end."
    ),
    "inferences per second": QT_TRANSLATE_NOOP("Terms", "How many inputs a model answers in a second."),
    "peak memory": QT_TRANSLATE_NOOP(
        "Terms",
        "The most memory the worker and its children held at one time, as the system counts.",
    ),
    "file-backed": QT_TRANSLATE_NOOP(
        "Terms",
        "Memory that mirrors a file can be dropped and read again; anonymous memory cannot.",
    ),
    "distribution": QT_TRANSLATE_NOOP(
        "Terms", "The share of values up to each value; a percentile is a point on the line."
    ),
    "kv cache": QT_TRANSLATE_NOOP(
        "Terms", "What a language model keeps of earlier tokens; it grows with the context."
    ),
    "accuracy": QT_TRANSLATE_NOOP("Terms", "The share of task items answered right."),
    "perplexity": QT_TRANSLATE_NOOP("Terms", "How surprised a language model is by a text; lower is better."),
    "kl divergence": QT_TRANSLATE_NOOP(
        "Terms",
        "How far a quantized model's predictions are from the original's; 0 is identical.",
    ),
    "top-1 agreement": QT_TRANSLATE_NOOP(
        "Terms", "How often the most likely next token is the one the original finds most likely."
    ),
    "sameness": QT_TRANSLATE_NOOP(
        "Terms",
        "How often a model and the one it was made from find the same answer likeliest, on fixed inputs,"
        " and how far apart their answers are at most.",
    ),
    "text flips": QT_TRANSLATE_NOOP(
        "Terms", "The share of tokens that only one of the two models, this or the original, predicts right."
    ),
    "answer flips": QT_TRANSLATE_NOOP(
        "Terms", "The share of questions that are answered otherwise than by the original."
    ),
    "output similarity": QT_TRANSLATE_NOOP(
        "Terms", "The cosine of the angle between this model's outputs and the original's; 1 is the same."
    ),
    "confidence interval": QT_TRANSLATE_NOOP(
        "Terms", "The range that would hold the true value in 95 of 100 such measurements."
    ),
    "pair": QT_TRANSLATE_NOOP(
        "Terms", "Two configurations measured right after one another, so that drift hits both alike."
    ),
    "gate": QT_TRANSLATE_NOOP("Terms", "A requirement a configuration has to meet before it is shipped."),
    "pareto": QT_TRANSLATE_NOOP(
        "Terms", "Configurations that no other beats in speed and quality at once lie on the dashed line."
    ),
    "fit": QT_TRANSLATE_NOOP("Terms", "Expected memory as a share of the memory that is free now."),
    "prior": QT_TRANSLATE_NOOP("Terms", "An expectation from a rule, to be replaced by a measurement."),
}


def explain(term: str) -> str:
    """The sentence for ``term`` in the user's language. Raises :class:`KeyError` for a term without one."""
    return QCoreApplication.translate("Terms", str(TERMS[term]))
