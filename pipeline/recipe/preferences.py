"""Completions of a prompt that a source's records bring: pairs of which one is preferred, or several with rewards."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.recipe.chat import chat_of
from pairloom.pipeline.recipe.section import Section

if TYPE_CHECKING:
    from pairloom.operators.given import Giver
    from pairloom.pipeline.recipe.corpus import CorpusSource

__all__ = ["PREFERENCE_KEYS", "PreferenceKeys", "preferences_of", "with_groups"]

Named = Annotated[str, Field(min_length=1)]

PREFERENCE_KEYS = ("template", "tools", "train_eot", "reasoning", "template_variables", "template_date")
"""The keys that say how messages are written, which completions may be."""


class PreferenceKeys(Section):
    """Where the completions of a record are, and its prompt."""

    main: ClassVar[str | None] = "prompt"
    prompt: Named | None = Field(
        default=None,
        description="field with the prompt; otherwise it is what all completions begin with",
        examples=["prompt"],
    )
    chosen: Named = Field(
        default="chosen", description="field with the completion that is preferred", examples=["better"]
    )
    rejected: Named = Field(default="rejected", description="field with the other one", examples=["worse"])
    completions: Named | None = Field(
        default=None,
        description="instead of these: field with a list of completions",
        examples=["answers"],
    )
    rewards: tuple[Named, ...] = Field(
        default=(),
        description="fields with the rewards of chosen and rejected, or the one with a list, for each completion",
        examples=[["correct"]],
    )
    text: Named | None = Field(
        default=None,
        description="where completions are objects: the key of their text or messages",
        examples=["response"],
    )
    reward: Named | None = Field(
        default=None,
        description="where completions are objects: the key of their reward",
        examples=["overall_score"],
    )
    form: Literal["auto", "text", "messages"] = Field(
        default="auto",
        description="what completions are: texts, lists of messages, or messages where they look so",
        examples=["text"],
    )
    whole_texts: bool = Field(
        default=False,
        description="whether completions that are texts have the prompt in them already",
        examples=[True],
    )
    prompt_ends: Named | None = Field(
        default=None,
        description="without a prompt: the text whose last place in a completion ends it, as Assistant:",
        examples=["Assistant:"],
    )

    @model_validator(mode="after")
    def _possible(self) -> "PreferenceKeys":
        many = self.completions is not None
        if many and (self.chosen, self.rejected) != ("chosen", "rejected"):
            raise ValueError("completions are instead of chosen and rejected: name one or the other")
        if not many and (self.text or self.reward):
            raise ValueError(
                f"{'text' if self.text else 'reward'} is a key of completions, of which none are named"
            )
        if self.rewards and len(self.rewards) != (1 if many else 2):
            raise ValueError(
                f"rewards names {len(self.rewards)} fields: "
                + (
                    "completions have one, with a list"
                    if many
                    else "that of chosen and that of rejected are two"
                )
            )
        if self.rewards and self.reward is not None:
            raise ValueError(
                "rewards is a field of the record, and reward a key of each completion: name one"
            )
        if self.prompt is not None and self.prompt_ends is not None:
            raise ValueError("prompt_ends finds the end of a prompt that no field has, and prompt names one")
        if self.prompt is None and self.whole_texts:
            raise ValueError("whole_texts is about completions that begin with the prompt: name its field")
        for name in (self.prompt, self.chosen, self.rejected, self.completions, *self.rewards):
            if name is not None:
                path_of(name)
        return self


def preferences_of(source: "CorpusSource") -> "Giver | None":
    """The operator that a source's keys name, if it brings completions."""
    keys = source.preferences
    if keys is None:
        return None
    from pairloom.operators.preferences import Preferences

    return Preferences(
        prompt=keys.prompt,
        sides=(keys.chosen, keys.rejected),
        completions=keys.completions,
        rewards=keys.rewards,
        text=keys.text,
        reward=keys.reward,
        form=keys.form,
        whole_texts=keys.whole_texts,
        prompt_ends=keys.prompt_ends,
        tools=source.tools,
        chat=chat_of(source),
    )


def with_groups(pack: dict[str, Any], *, pieces: bool) -> dict[str, Any]:
    """What a recipe says of rows where there are completions: they come one after another, in one row if that can be.

    `pieces` says that the strategy cuts no document that fits a row.
    """
    from pairloom.operators.schema import GROUP, MEMBER

    if "shuffle" in pack:
        return pack
    together = {"related": True} if pieces and pack.get("overflow") != "turn" else {}
    return {**together, **pack, "shuffle": {"mode": "group", "by": GROUP, "then": MEMBER}}
