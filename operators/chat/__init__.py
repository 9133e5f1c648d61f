"""Conversations as documents: messages, rendered by a template that says where each of its tokens comes from.

    messages ──▶ shapes ──▶ one list of {role, content, …} ──▶ template ──▶ text
                                        └── the same, marked ──▶ template ──▶ which characters are whose

Both renderings must agree but for the marks: then the marks say which characters are to be predicted, which are special tokens
of the template, and where turns begin. No text is compared with a part of another.
"""

from pairloom.operators.chat.environment import Template, TemplateFailedError
from pairloom.operators.chat.giver import Chat
from pairloom.operators.chat.messages import InvalidError, conversation
from pairloom.operators.chat.named import TEMPLATES
from pairloom.operators.chat.rendering import Rendered, Renderer

__all__ = [
    "TEMPLATES",
    "Chat",
    "InvalidError",
    "Rendered",
    "Renderer",
    "Template",
    "TemplateFailedError",
    "conversation",
]
