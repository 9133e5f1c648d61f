"""Templates that a recipe names, for the formats in common use; each marks what a model generates.

They are written here, after the formats' descriptions: without the system messages that some models' own files add. Who wants
just what a model's files have names its `tokenizer_config.json`.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["TEMPLATES", "Named"]


class Named(NamedTuple):
    """A template, and what its variables are unless the recipe says otherwise."""

    source: str
    variables: Mapping[str, Any] = {}


# What a message says: a text, or the texts of its parts one after another.
_TEXT = """
{%- macro text(message) -%}
{%- if message.content is string -%}{{ message.content }}
{%- elif message.content -%}
{%- for part in message.content -%}
{%- if part is string -%}{{ part }}
{%- elif part.text is string -%}{{ part.text }}
{%- else -%}{{ raise_exception('a part of the message of the ' ~ message.role ~ ' has no text') }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
"""
_CALLS = """
{%- macro calls(message) -%}
{%- for call in message.tool_calls or [] -%}
{%- set one = call.function if call.function else call -%}
{{- '\\n' if message.content or not loop.first }}<tool_call>
{"name": "{{ one.name }}", "arguments": {{ one.arguments if one.arguments is string else one.arguments | tojson }}}
</tool_call>
{%- endfor -%}
{%- endmacro -%}
"""
_SIGNATURES = """
{%- macro signatures() -%}
The functions that can be called, a JSON schema in each line:
<tools>
{%- for tool in tools %}

{{ tool | tojson }}
{%- endfor %}

</tools>
A call is <tool_call>{"name": ..., "arguments": {...}}</tool_call>.
{%- endmacro -%}
"""
_NO_TOOLS = """
{%- if tools -%}{{ raise_exception('this format has no place for tools') }}{%- endif -%}
{%- for message in messages if message.tool_calls or message.role == 'tool' -%}
{{ raise_exception('this format has no place for calls of tools') }}
{%- endfor -%}
"""

_CHATML = (
    _TEXT
    + _CALLS
    + _SIGNATURES
    + """
{%- if tools -%}
{%- set system = messages[0].role == 'system' -%}
<|im_start|>system
{{ text(messages[0]) ~ '\\n\\n' if system }}{{ signatures() }}<|im_end|>
{{ '' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
<|im_start|>assistant
{% generation %}
{%- if message.reasoning_content -%}<think>
{{ message.reasoning_content }}
</think>

{{ '' }}
{%- endif -%}
{{- text(message) }}{{ calls(message) if message.tool_calls }}<|im_end|>
{%- endgeneration %}

{{ '' }}
{%- elif message.role == 'tool' -%}
{{- '<|im_start|>user' if loop.first or loop.previtem.role != 'tool' }}
<tool_response>
{{ text(message) }}
</tool_response>
{%- if loop.last or loop.nextitem.role != 'tool' -%}<|im_end|>
{{ '' }}
{%- endif -%}
{%- elif not (tools and loop.first and message.role == 'system') -%}
<|im_start|>{{ message.role }}
{{ text(message) }}<|im_end|>
{{ '' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{{ '' }}
{%- endif -%}
"""
)

_LLAMA3 = (
    _TEXT
    + """
{{- bos_token -}}
{%- if tools -%}
{%- set system = messages[0].role == 'system' -%}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' -}}
{{- text(messages[0]) ~ '\\n\\n' if system -}}
{{- 'The functions that can be called, each by {"name": ..., "parameters": {...}}:' -}}
{%- for tool in tools -%}{{- '\\n\\n' ~ tool | tojson -}}{%- endfor -%}
{{- '<|eot_id|>' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
{%- generation -%}
{{- text(message) | trim -}}
{%- for call in message.tool_calls or [] -%}
{%- set one = call.function if call.function else call -%}
{{- '{"name": "' ~ one.name ~ '", "parameters": ' -}}
{{- one.arguments if one.arguments is string else one.arguments | tojson -}}
{{- '}' -}}
{%- endfor -%}
{{- '<|eot_id|>' -}}
{%- endgeneration -%}
{%- elif not (tools and loop.first and message.role == 'system') -%}
{{- '<|start_header_id|>' ~ ('ipython' if message.role == 'tool' else message.role) ~ '<|end_header_id|>\\n\\n' -}}
{{- text(message) | trim -}}
{{- '<|eot_id|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}
"""
)

_MISTRAL = (
    _TEXT
    + _NO_TOOLS
    + """
{{- bos_token -}}
{%- set said = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set said.system = text(message) ~ '\\n\\n' -%}
{%- elif message.role == 'user' -%}
{{- '[INST] ' -}}{{- said.system -}}{{- text(message) -}}{{- '[/INST]' -}}
{%- set said.system = '' -%}
{%- elif message.role == 'assistant' -%}
{%- generation -%}{{- ' ' -}}{{- text(message) -}}{{- eos_token -}}{%- endgeneration -%}
{%- else -%}{{ raise_exception('roles are system, user and assistant, not ' ~ message.role) }}
{%- endif -%}
{%- endfor -%}
"""
)

_GEMMA = (
    _TEXT
    + _NO_TOOLS
    + """
{{- bos_token -}}
{%- set said = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set said.system = text(message) ~ '\\n\\n' -%}
{%- elif message.role == 'assistant' -%}
{{- '<start_of_turn>model\\n' -}}
{%- generation -%}{{- text(message) | trim -}}{{- '<end_of_turn>' -}}{%- endgeneration -%}
{{- '\\n' -}}
{%- else -%}
{{- '<start_of_turn>' ~ message.role ~ '\\n' -}}{{- said.system -}}{{- text(message) | trim -}}{{- '<end_of_turn>\\n' -}}
{%- set said.system = '' -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
"""
)

_ZEPHYR = (
    _TEXT
    + _NO_TOOLS
    + """
{%- for message in messages -%}
{{- '<|' ~ message.role ~ '|>\\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- text(message) -}}{{- eos_token -}}{%- endgeneration -%}
{%- else -%}{{- text(message) -}}{{- eos_token -}}
{%- endif -%}
{{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""
)

_OLMO = (
    _TEXT
    + _NO_TOOLS
    + """
{{- bos_token -}}
{%- for message in messages -%}
{{- '<|' ~ message.role ~ '|>\\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- text(message) -}}{{- eos_token -}}{%- endgeneration -%}
{{- '\\n' if not loop.last -}}
{%- else -%}{{- text(message) -}}{{- '\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""
)

_PLAIN = (
    _TEXT
    + _NO_TOOLS
    + """
{%- for message in messages -%}
{{- message.role ~ ':' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- ' ' ~ text(message) -}}{{- eos_token -}}{%- endgeneration -%}
{%- else -%}{{- ' ' ~ text(message) -}}
{%- endif -%}
{{- '\\n' if not loop.last -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '\\nassistant:' -}}{%- endif -%}
"""
)


def _direct(source: str) -> str:
    """A template that takes a message's text as it is where it is one: calling a macro costs many times what asking does."""
    said = "(message.content if message.content is string else text(message))"
    return re.sub(r"(?<!macro )text\(message\)", said, source)


TEMPLATES: Mapping[str, Named] = {
    "chatml": Named(_direct(_CHATML)),
    "gemma": Named(_direct(_GEMMA), {"bos_token": "<bos>"}),
    "llama3": Named(_direct(_LLAMA3), {"bos_token": "<|begin_of_text|>"}),
    "mistral": Named(_direct(_MISTRAL), {"bos_token": "<s>", "eos_token": "</s>"}),
    "olmo": Named(_direct(_OLMO), {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}),
    "plain": Named(_direct(_PLAIN), {"eos_token": "<|endoftext|>"}),
    "qwen": Named(_direct(_CHATML)),
    "zephyr": Named(_direct(_ZEPHYR), {"eos_token": "</s>"}),
}
"""By their names."""
