"""The licence a model's folder states. Words from files, not legal advice."""

from __future__ import annotations

from pathlib import Path

from backends.assessment.folder import files_in, opened, printable

_READ_BYTES = 65_536
_CARDS = ("readme.md",)
_TEXTS = ("license", "license.txt", "license.md", "licence", "licence.txt", "copying")
_MODELS = (".gguf", ".onnx", ".xml", ".tflite")

# A phrase that stands in the text of the licence -> its SPDX name, or the name it goes by.
_PHRASES = (
    ("Apache License", "Apache-2.0"),
    ("Permission is hereby granted, free of charge", "MIT"),
    ("GNU AFFERO GENERAL PUBLIC LICENSE", "AGPL"),
    ("GNU LESSER GENERAL PUBLIC LICENSE", "LGPL"),
    ("GNU GENERAL PUBLIC LICENSE", "GPL"),
    ("Neither the name", "BSD-3-Clause"),
    ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
    ("Gemma Terms of Use", "gemma"),
    ("LLAMA", "llama"),
)


def licence_in(folder: Path) -> str:
    """The licence named by the model card in ``folder``, else recognised in its licence text, else ""."""
    files = {path.name.lower(): path for path in files_in(folder)}
    for name in _CARDS:
        if name in files and (stated := _front_matter(_head(files[name]))):
            return stated
    texts = [files[name] for name in _TEXTS if name in files]
    return _recognise(_head(texts[0])) if texts else ""


def licence_beside(path: Path) -> str:
    """The licence beside a model file. "" where several models share the folder: whose would it be?"""
    models = [p for p in files_in(path.parent) if p.suffix.lower() in _MODELS]
    return licence_in(path.parent) if len(models) == 1 else ""


def _head(path: Path) -> str:
    with opened(path) as file:
        return file.read(_READ_BYTES).decode("utf-8", "replace")


def _front_matter(card: str) -> str:
    """``license:`` of the YAML block that opens a Hugging Face model card."""
    lines = card.splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    for line in lines[1:]:
        key, _, value = line.partition(":")
        if line.strip() == "---":
            return ""
        if key == "license":
            return printable(value.strip().strip("'\""))
    return ""


def _recognise(text: str) -> str:
    return next((name for phrase, name in _PHRASES if phrase in text), "see the licence file beside it")
