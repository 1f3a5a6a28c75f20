"""Chat templates as models bring them: Jinja with a few functions of its own, from strangers."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
from backends.frameworks.chat import laid_out

CHATML = (
    "{%- for message in messages %}\n"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def test_one_message_up_to_the_answer() -> None:
    assert laid_out(CHATML, " Hello. ") == "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n"


def test_what_templates_use_beside_plain_jinja() -> None:
    template = (
        "{{ bos_token }}{% if tools is defined %}tools{% endif %}{{ strftime_now('%Y') | length }}"
        "{% for m in messages %}{% if m.role != 'user' %}{% continue %}{% endif %}"
        "{{ m | tojson }}{% endfor %}"
    )
    assert laid_out(template, "Hi") == '4{"content": "Hi", "role": "user"}'


def test_one_that_refuses_is_bad_input() -> None:
    with pytest.raises(BadInput, match="refuses: a system message first"):
        laid_out("{{ raise_exception('a system message first') }}", "Hi")


@pytest.mark.parametrize(
    "template",
    [
        "{% for %}",
        "{{ missing.part.of.it }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% for n in range(10 ** 9) %}x{% endfor %}",
        "{{ 1 // 0 }}",
        "{{ messages | nothing_like_it }}",
    ],
)
def test_what_is_broken_or_reaches_out_is_bad_input(template: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        laid_out(template, "Hi")
