"""Conversations that are made up, and what `transformers` makes of them."""

import random
from typing import Any

from pairloom.operators.chat import TEMPLATES
from tests.support.corpora import WORDS


def said(rng: random.Random, most: int = 30) -> str:
    """One to `most` words."""
    words = [word for word in WORDS if not word.startswith("<|")]
    return " ".join(rng.choice(words) for _ in range(rng.randint(1, most))).strip() or "yes"


def conversations(count: int, *, tools: bool = False, seed: int = 1) -> list[list[dict[str, Any]]]:
    """The messages of each conversation, with or without calls of a tool."""
    rng, made = random.Random(seed), []
    for _ in range(count):
        messages: list[dict[str, Any]] = []
        if rng.random() < 0.4:
            messages.append({"role": "system", "content": said(rng)})
        for _ in range(rng.randint(1, 4)):
            messages.append({"role": "user", "content": said(rng)})
            if tools and rng.random() < 0.5:
                call = {"name": "look_up", "arguments": {"of": said(rng, 3), "many": rng.randint(0, 9)}}
                messages.append(
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"type": "function", "function": call}],
                    }
                )
                messages.append({"role": "tool", "name": "look_up", "content": said(rng)})
            messages.append({"role": "assistant", "content": said(rng)})
        made.append(messages)
    return made


TOOLS = [
    {
        "type": "function",
        "function": {"name": "look_up", "description": "Looks things up.", "parameters": {"type": "object"}},
    }
]


def by_transformers(
    tokenizer: Any, name: str, messages: Any, tools: Any = None
) -> tuple[list[int], list[int]]:
    """Ids of a conversation by one of our templates, and the mask of what is trained."""
    named = TEMPLATES[name]
    made = tokenizer.apply_chat_template(
        messages,
        tools=tools,
        chat_template=named.source,
        return_assistant_tokens_mask=True,
        return_dict=True,
        **named.variables,
    )
    return made["input_ids"], made["assistant_masks"]
