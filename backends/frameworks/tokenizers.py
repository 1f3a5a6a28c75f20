"""Text to token ids for engines that have no tokenizer of their own.

Looks for ``tokenizer.model`` (SentencePiece) or ``tokenizer.json`` beside the model, then in the folders
around it, then with the model it came from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from backends.domain.artifact import Option
from backends.domain.errors import BadInput

SENTENCEPIECE, FAST = "tokenizer.model", "tokenizer.json"
COMPANIONS = (SENTENCEPIECE, FAST, "tokenizer_config.json", "genai_config.json", "special_tokens_map.json")

BUNDLED_FORMS = ("hf", "tokenizer")

Tokenize = Callable[[str], list[int]]


def load_tokenizer(models: Sequence[Path], options: Mapping[str, Option]) -> Tokenize:
    """A function from text to ids without special tokens. Raises BadInput when there is none to be found.

    ``models``: the model and where it came from. The option "tokenizer" names a file or folder instead.
    """
    path = find_tokenizer(models, options)
    if path is None:
        raise BadInput(
            f"“{models[0]}” has no tokenizer.",
            f"Put the model's {SENTENCEPIECE} or {FAST} beside it, or name it with the option “tokenizer”.",
        )
    return _fast(path) if path.suffix == ".json" else _sentencepiece(path)


def find_tokenizer(models: Sequence[Path], options: Mapping[str, Option]) -> Path | None:
    """The named one, else the nearest; SentencePiece first, as the converters do."""
    named = options.get("tokenizer")
    if named and Path(str(named)).is_file():
        return Path(str(named))
    places = [Path(str(named))] if named else [place for model in models for place in _places(model)]
    candidates = (folder / name for name in (SENTENCEPIECE, FAST) for folder in places)
    return next((path for path in candidates if path.is_file()), None)


def named_tokenizer(options: Mapping[str, Option]) -> dict[str, Option]:
    """What an artifact has to remember, so that it finds the tokenizer which the user has named."""
    return {"tokenizer": str(Path(str(options["tokenizer"])).resolve())} if "tokenizer" in options else {}


def copy_companions(source: Path, output: Path) -> None:
    """Keep the tokenizer with a converted model, so that its folder is complete by itself."""
    for name in COMPANIONS:
        found = next((folder / name for folder in _places(source) if (folder / name).is_file()), None)
        if found is not None:
            shutil.copyfile(found, output / name)


def _places(model: Path) -> Iterator[Path]:
    """The model's own folder, the one around it, and the Hugging Face form in a bundle of several forms.

    Not just any folder nearby: another model's tokenizer would yield ids without a meaning here.
    """
    own = model if model.is_dir() else model.parent
    yield own
    yield own.parent
    yield from (own.parent / form for form in BUNDLED_FORMS)


def _sentencepiece(path: Path) -> Tokenize:
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise _unreadable(path) from error
    return lambda text: list(processor.encode(text))


def _fast(path: Path) -> Tokenize:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower for a file that it cannot read
        raise _unreadable(path) from error
    tokenizer.no_truncation()  # a file may ask for both, and texts here are cut into windows elsewhere
    tokenizer.no_padding()
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


def _unreadable(path: Path) -> BadInput:
    return BadInput(f"The tokenizer “{path}” cannot be read.", "Copy it again from the model.")
