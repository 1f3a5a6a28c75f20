"""What an edited workflow may hold: passes, data, evaluators, a search; no code and no place of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput
from backends.frameworks.olive import workflows

KNOWN = {
    *("input_model", "systems", "host", "target", "passes", "data_configs", "evaluators", "evaluator"),
    *("evaluate_input_model", "search_strategy", "output_dir", "cache_dir", "log_severity_level"),
}
# By the name in small letters, as Olive reads it. Other kinds are loaded by running what is in them.
MODELS = {name.lower(): name for name in (workflows.HF, workflows.ONNX)}
# Keys by which Olive, transformers or ONNX Runtime would load code, reach out, or work elsewhere.
CODE = {
    *("user_script", "script_dir", "model_script", "model_loader", "trust_remote_code", "module_path"),
    *("custom_op_library", "custom_op_libraries", "custom_op_lib", "metric_func", "evaluate_func"),
    *("aml_config", "docker_config", "azureml_client", "python_environment_path", "prepend_to_path"),
}
ELSEWHERE = {"host", "target", "system", "systems"}  # inside a pass or an evaluator
PLACES = ("_path", "_dir", "_file", "_files", "_folder")
NAMES = ("nodes_to_", "op_types_to_", "tensors_to_", "node_", "name_pattern")  # names in a graph have slashes
LIBRARIES = (".py", ".so", ".dll", ".dylib", ".pyd", ".pkl", ".pt", ".pth")
PLACEHOLDERS = {
    *(workflows.SOURCE, workflows.OUTPUT, workflows.CACHE),
    *(workflows.SAMPLES, workflows.EVALUATION, workflows.READER),
}


def edited(path: Path) -> workflows.Workflow:
    """A workflow of the user's own. Raises BadInput when it is none, runs code, or leaves its place."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"The workflow “{path}” cannot be read: {error}.", "Name a JSON file.") from error
    return parsed(text, path.name)


def parsed(text: str, name: str = "The workflow") -> workflows.Workflow:
    """The same from its text; line and column are in the sentence where it is no JSON."""
    try:
        made = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{name} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.", "Mend it."
        ) from error
    except RecursionError as error:
        raise BadInput(f"{name} is no workflow: it is nested too deep.") from error
    check(made)
    # Where it reads, writes and runs is not for the file to say.
    given = made["input_model"]
    model = {**given, "type": MODELS[str(given["type"]).lower()], "model_path": workflows.SOURCE}
    return {**made, **workflows.places(), "input_model": model}


def check(made: Any) -> None:
    """Raises BadInput with the one thing that is wrong first."""
    if not isinstance(made, dict) or not isinstance(made.get("passes"), dict) or not made["passes"]:
        raise BadInput("It is no Olive workflow: it has no passes.", "Start from the one that is shown.")
    unknown = sorted(set(made) - KNOWN)
    if unknown:
        raise BadInput(f"A workflow cannot have “{unknown[0]}” here.", "Take it out.")
    model = made.setdefault("input_model", {})
    if not isinstance(model, dict) or str(model.setdefault("type", workflows.ONNX)).lower() not in MODELS:
        raise BadInput("The input model must be an HfModel or an ONNXModel.", "Leave it as it was shown.")
    workflows.pass_types(made)
    inner = {key: value for key, value in made.items() if key not in ELSEWHERE | {"output_dir", "cache_dir"}}
    inner["input_model"] = {key: value for key, value in model.items() if key != "model_path"}
    for key, value in workflows.entries(inner):
        _check_entry(key, value)


def _check_entry(key: str, value: Any) -> None:
    if key in CODE and value not in (None, False, workflows.READER):
        raise BadInput(
            f"The workflow would run code or reach elsewhere (“{key}”).",
            "Code that comes with a workflow is never run; remove it.",
        )
    if key in ELSEWHERE and value is not None:
        raise BadInput(f"A part of the workflow would run elsewhere (“{key}”).", "Remove it.")
    for text in _strings(value):
        _check_text(key, text)


def _check_text(key: str, text: str) -> None:
    """Paths come from the program, as placeholders."""
    if text in PLACEHOLDERS:
        return
    named = key.endswith(PLACES) or key == "path"
    slashes = any(sign in text for sign in ("/", "\\", "~")) and not key.startswith(NAMES)
    if named or slashes or ".." in text or text.lower().endswith(LIBRARIES):
        raise BadInput(
            f"The workflow names a file or place of its own: “{key}”: “{text[:80]}”.",
            f"Only these stand for files: {', '.join(sorted(PLACEHOLDERS))}.",
        )


def _strings(value: Any) -> Iterator[str]:
    """The value itself, or those of a list; what is inside an object has keys of its own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
