"""A user's text laid out by a model's chat template, as chat programs do before splitting it into tokens."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from backends.domain.errors import BadInput

if TYPE_CHECKING:
    from jinja2 import Template


def laid_out(template: str, text: str) -> str:
    """``text`` as the user's only message, up to where the model answers. Raises BadInput.

    Special tokens at the beginning and end are left to the tokenizer, which puts them there itself. A
    template comes with a model, so it is run in Jinja's sandbox, and in the worker.
    """
    import jinja2

    try:
        return _compiled(template).render(
            messages=[{"role": "user", "content": text}],
            add_generation_prompt=True,
            bos_token="",
            eos_token="",
        )
    except (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise BadInput(f"The model's chat template cannot be used: {error}") from error


@cache
def _compiled(template: str) -> Template:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals.update(raise_exception=_refuse, strftime_now=_now)
    return environment.from_string(template)


def _refuse(message: Any) -> NoReturn:
    """Templates call it for conversations that the model was not made for."""
    raise BadInput(f"The model's chat template refuses: {message}")


def _now(form: str) -> str:
    from datetime import datetime

    return datetime.now().strftime(form)
