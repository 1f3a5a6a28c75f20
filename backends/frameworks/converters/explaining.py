"""What a converter's last words mean to the user. Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.domain.errors import BadInput, EdgewrightError, JobFailed, NoRoom

DETAIL_LINES = 40


@dataclass(frozen=True)
class _Known:
    """``{0}`` in ``says`` is what the pattern's group found, ``{title}`` the converter."""

    pattern: re.Pattern[str]
    says: str
    remedy: str


_ANOTHER_FRAMEWORK = "Choose a framework that takes the Hugging Face folder itself, such as MLX."
_KNOWN = (
    _Known(
        re.compile(r"Unrecognized configuration class <class '[\w.]*?(\w+)'>"),
        "{title} has no decoder of text for this kind of model ({0}).",
        "Choose a language model that is a decoder alone (…ForCausalLM).",
    ),
    _Known(
        re.compile(r"pre-tokenizer was not recognized"),
        "{title} refuses the tokenizer: it does not know how this one cuts text into words before BPE "
        "(“pre-tokenizer was not recognized”).",
        f"Use the model's original tokenizer, or one with tokenizer.model. {_ANOTHER_FRAMEWORK}",
    ),
    _Known(
        re.compile(
            r"Architecture '?([\w.-]+)'? not supported|Model ([\w.-]+) is not supported"
            r"|The (\S+) model is not currently supported|([\w.-]+) model, that is a custom or unsupported"
            r"|model type `?([\w.-]+)`? but Transformers does not recognize"
        ),
        "{title} does not know the architecture of this model ({0}).",
        f"{_ANOTHER_FRAMEWORK}",
    ),
    _Known(
        re.compile(r"version of Transformers does not allow for the export of the model"),
        "{title} does not know this architecture as the Transformers beside it describes it.",
        f"{_ANOTHER_FRAMEWORK}",
    ),
    _Known(
        re.compile(r"AttributeError: '(\w+)Config' object has no attribute"),
        "{title} does not understand how Transformers describes this architecture ({0}).",
        "Choose llama.cpp, which has a converter of its own.",
    ),
    _Known(
        re.compile(r"trust_remote_code|custom code which must be executed"),
        "The model needs its own Python code (remote code), which is refused.",
        "Use a version of the model for a built-in architecture.",
    ),
    _Known(
        re.compile(r"max\(.*vocab.*\) < vocab_size|vocab size mismatch", re.IGNORECASE),
        "The tokenizer has more tokens than the model has embeddings: they do not belong together.",
        "Use the tokenizer that came with the model.",
    ),
    _Known(
        re.compile(
            r"tokenizer\.model|Couldn't instantiate the backend tokenizer|Can't load tokenizer"
            r"|Tokenizer\.from_pretrained|in set_vocab"
        ),
        "{title} found no tokenizer that it can read for this architecture.",
        "Put the model's own tokenizer.model, or tokenizer.json where it has no other, into its folder.",
    ),
    _Known(
        re.compile(r"Can not map tensor '([^']+)'"),
        "{title} does not know what to do with the tensor “{0}”.",
        "Use the model as its authors published it, without tensors that were added later.",
    ),
    _Known(
        re.compile(r"size mismatch for ([\w.]+)|HeaderTooLarge|MetadataIncompleteBuffer"),
        "The weights do not fit the model's configuration, or are damaged.",
        "Download the model again.",
    ),
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded")


def explain(title: str, code: int, words: str) -> EdgewrightError:
    """The error for a converter that ended with ``code`` after these words."""
    details = "\n".join(words.strip().splitlines()[-DETAIL_LINES:])
    if _FULL.search(words):
        return NoRoom("The disk is full.", "Free some space and start again.", details)
    if code == -9 or "MemoryError" in words or "DefaultCPUAllocator: can't allocate" in words:
        return NoRoom(
            f"Memory ran out while {title} was working.",
            "Close other programs, or convert on a machine with more memory.",
            details,
        )
    errors = words[words.rfind("Traceback (most recent call last)") :] if "Traceback" in words else words
    raised = errors.strip().rpartition("\n")[2]
    for known in _KNOWN:
        # What was raised comes last; before it a trace shows the line that raised it, names not filled in.
        found = known.pattern.search(raised) or known.pattern.search(errors)
        if found:
            named = next((group for group in found.groups() if group), "")
            return BadInput(known.says.format(named, title=title), known.remedy)
    return JobFailed(f"{title} could not convert the model.", "See the details.", details)
