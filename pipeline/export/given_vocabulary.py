"""A vocabulary that is exported, with what else its readers are told: which special token is what, and how a text begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from pairloom.operators import Vocabulary
from pairloom.operators.chat import Template, TemplateFailedError
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.recipe.vocabulary import Role

__all__ = ["ROLES", "VocabularyExport", "roles_of"]

ROLES: tuple[str, ...] = get_args(Role)
"""What a special token may be for."""

_COMMON = {
    "bos": ("<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>"),
    "eos": ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>"),
    "pad": ("<|pad|>", "<pad>", "[PAD]", "<|finetune_right_pad_id|>"),
    "unk": ("<unk>", "[UNK]"),
    "sep": ("[SEP]",),
    "cls": ("[CLS]",),
    "mask": ("[MASK]", "<mask>"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyExport:
    """What is exported of a vocabulary, whatever the format: each takes what its files have a place for.

    `roles` say which special token is bos, eos and so on. `prepend` are the tokens that `add_special_tokens` puts before a
    text. `chat_template` is Jinja, `max_length` the tokens of the longest input. `sample` are texts whose ids are compared
    before anything is written, `origin` says where the vocabulary is from.
    """

    vocabulary: Vocabulary
    roles: Mapping[str, str] = field(default_factory=dict)
    prepend: Sequence[str] = ()
    chat_template: str | None = None
    max_length: int | None = None
    sample: Sequence[str] = ()
    origin: str = ""

    def check(self) -> None:
        """Raise RecipeError for a role or token that there is not, and for a chat template that is none."""
        if self.chat_template is not None:
            _check_template(self.chat_template)
        _check_roles(self.vocabulary, self.roles)


def roles_of(source: Dataset | Vocabulary) -> dict[str, str]:
    """Which special token has which role: by the recipe of a dataset, and for what that does not say by common names.

    What `vocabulary.roles` does not say follows from what is put around documents: the end of a text is the last token that is
    appended, its beginning the first that is put before them.
    """
    vocabulary = source.vocabulary() if isinstance(source, Dataset) else source
    there = set(vocabulary.special_tokens)
    found = {role: next((name for name in names if name in there), "") for role, names in _COMMON.items()}
    if isinstance(source, Dataset):
        choice = Recipe.model_validate(source.manifest.recipe)
        found["eos"] = choice.tokenize.append[-1] if choice.tokenize.append else found["eos"]
        found["bos"] = choice.tokenize.prepend[0] if choice.tokenize.prepend else found["bos"]
        found["pad"] = choice.pack.pad or found["pad"]
        found |= {str(role): token for role, token in choice.vocabulary.roles.items()}
    found["pad"] = found["pad"] or found["eos"]
    return {role: token for role, token in found.items() if token}


def _check_roles(vocabulary: Vocabulary, roles: Mapping[str, str]) -> None:
    """Raise RecipeError for a role that there is not, and for a token that is no special token of the vocabulary."""
    for role, token in roles.items():
        if role not in ROLES:
            raise RecipeError(f"there is no role {role!r}: it is one of {', '.join(ROLES)}")
        if token not in vocabulary.special_tokens:
            raise RecipeError(
                f"the {role} token {token!r} is no special token of this vocabulary: choose one of "
                f"{', '.join(vocabulary.special_tokens) or 'none that it has'}, or learn it with vocabulary.special_tokens"
            )


def _check_template(source: str) -> None:
    """Raise RecipeError for a chat template that is none."""
    try:
        Template(source)
    except TemplateFailedError as error:
        raise RecipeError(f"the chat template is none: {error}; mend it, or export without one") from error
