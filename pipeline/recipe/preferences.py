"""Completions of a prompt that a source's records bring: pairs of which one is preferred, or several with rewards."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.recipe.chat import chat_of
from pairloom.pipeline.recipe.section import Section

if TYPE_CHECKING:
    from pairloom.operators.given import Giver
    from pairloom.operators.preferences import TokenValues
    from pairloom.pipeline.recipe.corpus import CorpusSource

__all__ = ["PREFERENCE_KEYS", "PreferenceKeys", "check_preferences", "preferences_of", "with_groups"]

Named = Annotated[str, Field(min_length=1)]

PREFERENCE_KEYS = ("template", "tools", "train_eot", "reasoning", "template_variables", "template_date")
"""The keys that say how messages are written, which completions may be."""


class SegmentKeys(Section):
    """Where segments of a completion begin: before tokens of which a model was unsure."""

    main: ClassVar[str | None] = "threshold"
    threshold: float = Field(
        default=0.9, gt=0, description="a token with a lower probability begins a segment", examples=[0.8]
    )
    interval: int = Field(
        default=1, ge=1, description="every so many of these tokens begins one", examples=[2]
    )
    mask: bool = Field(
        default=True,
        description="whether tokens with a higher probability are not to be predicted",
        examples=[False],
    )


class PreferenceKeys(Section):
    """Where the completions of a record are, and its prompt."""

    main: ClassVar[str | None] = "prompt"
    prompt: Named | None = Field(
        default=None,
        description="field with the prompt; otherwise it is what all completions begin with",
        examples=["prompt"],
    )
    system: Named | None = Field(
        default=None,
        description="field with what the system says before the prompt, which may be empty; with a template",
        examples=["system"],
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

    values: tuple[Literal["value", "advantage"], ...] = Field(
        default=(),
        description="columns of tokens by the rewards: the mean of all completions that begin so (value), how much a token "
        "makes it better (advantage)",
        examples=[["value", "advantage"]],
    )
    scale_rewards: bool = Field(
        default=True,
        description="whether advantages are in deviations of the rewards of a prompt",
        examples=[False],
    )
    probabilities: tuple[Named, ...] = Field(
        default=(),
        description="as rewards: fields with a probability for each token that is to be predicted of a completion",
        examples=[["probabilities"]],
    )
    critical: bool = Field(
        default=False,
        description="whether the loss at tokens of chosen is weighed by these, and of rejected by 1 minus them",
        examples=[True],
    )
    segments: SegmentKeys | None = Field(
        default=None,
        description="column `segment`: parts of a completion that begin where probabilities are low",
        examples=[0.8],
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
        self._check_values()
        for name in (
            *(self.prompt, self.system, self.chosen, self.rejected, self.completions),
            *(*self.rewards, *self.probabilities),
        ):
            if name is not None:
                path_of(name)
        return self

    def _check_values(self) -> None:
        many = self.completions is not None
        if self.values and not self.rewards and self.reward is None:
            raise ValueError("values are of rewards: name their fields")
        if self.values and len(set(self.values)) < len(self.values):
            raise ValueError("values names one twice")
        if self.probabilities and len(self.probabilities) != (1 if many else 2):
            raise ValueError(
                f"probabilities names {len(self.probabilities)} fields: pairs have two, completions one with lists"
            )
        if (self.critical or self.segments is not None) and not self.probabilities:
            raise ValueError(
                f"{'critical' if self.critical else 'segments'} is about probabilities: name their fields"
            )
        if self.critical and many:
            raise ValueError("critical is about chosen and rejected, and these are completions: leave it out")


def _token_values(keys: PreferenceKeys) -> "TokenValues":
    from pairloom.operators.preferences import Segments, TokenValues

    segments = None if keys.segments is None else Segments(**keys.segments.model_dump())
    return TokenValues(
        wanted=keys.values,
        scale=keys.scale_rewards,
        probabilities=bool(keys.probabilities),
        critical=keys.critical,
        segments=segments,
    )


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
        system=keys.system,
        tools=source.tools,
        chat=chat_of(source),
        probabilities=keys.probabilities,
        values=_token_values(keys),
    )


def check_preferences(source: "CorpusSource") -> None:
    """Raise ValueError where completions could not be read, or not stay together."""
    if source.given is not None or source.text != "text" or source.list_separator is not None:
        raise ValueError(
            f"source {source.name} brings completions: remove text, list_separator and given tokens"
        )
    if source.keep is not None:
        raise ValueError(
            f"source {source.name} brings completions, of which keep would take some without the others: choose records by "
            "where, or by epochs"
        )
    named = {"tools": source.tools, "preferences.system": source.preferences and source.preferences.system}
    if source.template is None and (said := [key for key, one in named.items() if one]):
        raise ValueError(f"source {source.name} names {said[0]}, which a template writes: name one")
    taken = {one.name for one in source.giver.attributes} if source.giver is not None else set()
    if twice := sorted(taken & {one.name for one in source.columns}):
        raise ValueError(
            f"source {source.name} brings completions, which have a column {twice[0]}: give that of columns another name"
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
