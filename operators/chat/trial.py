"""A few conversations, tried before all of them are tokenized: what a model is to learn of them is what their template means.

text       the bytes of its tokens, put together, are the text again, where tokens spell text
turns      what ends a turn is one token, wherever the template put it, and is predicted of the assistant
ids, mask  are those of `transformers.apply_chat_template`, where that is installed and can say it
"""

import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pairloom.operators.chat.giver import Chat
from pairloom.operators.documents import LOSS_MASK, SPECIAL, DocumentBatch
from pairloom.operators.encode.span_values import span_values
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.text.normalize import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pairloom.operators.encode import Tokenizer

__all__ = ["INSTALL", "Tried", "try_conversations"]

INSTALL = "pip install transformers"
Columns = Mapping[str, pa.LargeListArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was tried: so many conversations, of which so many were `compared` in ids and `masks`, with what; or `why` none was."""

    conversations: int
    compared: int = 0
    masks: int = 0
    version: str = ""
    why: str = ""

    def __str__(self) -> str:
        many = f"{self.conversations} conversation{'s' * (self.conversations != 1)}"
        if not self.conversations:
            return "no conversation could be tried before the run"
        said = f"{many} tried: tokens give the text back, and what ends turns is as asked"
        if not self.compared:
            return f"{said}; not compared with transformers: {self.why}"
        masks = f", masks of {self.masks}" if self.masks else ", which says no mask by this template"
        return f"{said}; ids of {self.compared} are those of transformers {self.version}{masks}"


def try_conversations(
    chat: Chat,
    records: DocumentBatch,
    tokens: Callable[[DocumentBatch], Columns],
    tokenizer: "Tokenizer",
    *,
    compare: bool = True,
) -> Tried:
    """Try the conversations of records, which `tokens` gives ids and masks; those that cannot be rendered are left to the run.

    Raises ValueError, which names the record, for the first that is not as it should be.
    """
    documents = chat.read(records)
    if not len(documents):
        return Tried(conversations=0)
    found = tokens(documents)
    ids, masks = (found[name].to_pylist() for name in (INPUT_IDS, LOSS_MASK))
    texts = normalize(documents.content, tokenizer.vocabulary.normalizer).to_pylist()
    for i in range(len(documents)):
        try:
            _check_text(ids[i], texts[i], tokenizer)
            _check_turns(chat, ids[i], masks[i], documents.spans[SPECIAL][i].as_py(), tokenizer)
        except ValueError as error:
            raise ValueError(f"record {documents.row[i].as_py()}: {error}") from error
    if not compare:
        return Tried(conversations=len(ids), why="compared is false")
    theirs = _Theirs.of(chat, tokenizer)
    if isinstance(theirs, str):
        return Tried(conversations=len(ids), why=theirs)
    return _compared(chat, records, documents, found, tokenizer, theirs)


def _check_text(ids: list[int], text: str, tokenizer: "Tokenizer") -> None:
    words = tokenizer.vocabulary.tokens
    if not tokenizer.vocabulary.model.spells:
        return
    if b"".join(bytes(words[token]) for token in ids) != text.encode():
        raise ValueError("its tokens do not give back the text that its template rendered")


def _check_turns(
    chat: Chat, ids: list[int], mask: list[int], special: list[dict[str, Any]], tokenizer: "Tokenizer"
) -> None:
    end = chat.renderer.end_of_turn
    if not chat.train_eot or end is None:
        return
    token = tokenizer.vocabulary.special_id(end)
    put, there = sum(one["token"] == end for one in special), ids.count(token)
    if put != there:
        raise ValueError(f"the template puts {end} {put} times, and {there} tokens are it")
    of_assistant = set(chat.train) & {"assistant", "last", "all"}
    if (
        of_assistant
        and any(mask)
        and not any(one for one, id_ in zip(mask, ids, strict=True) if id_ == token)
    ):
        raise ValueError(
            f"no {end} is to be predicted, so that a model would learn no end: mend the template, which ends this conversation "
            "otherwise than others, or say train_eot: false"
        )


@dataclass(frozen=True, slots=True)
class _Theirs:
    """A vocabulary as a tokenizer of `transformers`."""

    tokenizer: Any
    version: str

    @staticmethod
    def of(chat: Chat, tokenizer: "Tokenizer") -> "_Theirs | str":
        """It, or why nothing can be compared with it."""
        if chat.renderer.template.dated:
            return "the template asks for the date, which is today's there"
        if tokenizer.vocabulary.model.piece_file is not None:
            return "ids are those of the library sentencepiece, and not of tokenizers"
        try:
            with _quiet():
                import transformers
                from tokenizers import Tokenizer as Read

                made: Any = transformers.PreTrainedTokenizerFast
        except ImportError:
            return f"it is not installed ({INSTALL})"
        except Exception as error:  # noqa: BLE001  (whatever a library that it imports raises)
            return f"it cannot be imported ({type(error).__name__}: {_line(error)})"
        try:
            read = Read.from_str(tokenizer.vocabulary.to_json().decode())
            return _Theirs(made(tokenizer_object=read), transformers.__version__)
        except Exception as error:  # noqa: BLE001  (a vocabulary that only Pairloom reads)
            return f"it does not read this vocabulary ({_line(error)})"

    def of_messages(
        self, chat: Chat, messages: list[Any], tools: Any, masked: bool
    ) -> tuple[list[int], list[int] | None]:
        """The ids of a conversation, and its mask if it is asked for."""
        made = self.tokenizer.apply_chat_template(
            messages,
            tools=tools,
            chat_template=chat.template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=masked,
            **dict(chat.variables),
        )
        return list(made[INPUT_IDS]), list(made["assistant_masks"]) if masked else None


def _compared(
    chat: Chat,
    records: DocumentBatch,
    documents: DocumentBatch,
    found: Columns,
    tokenizer: "Tokenizer",
    theirs: _Theirs,
) -> Tried:
    ids, masks = (found[name].to_pylist() for name in (INPUT_IDS, LOSS_MASK))
    open_ = _straddling(documents, found, tokenizer)
    columns = {name: records.fields[name].to_pylist() for name in chat.fields}
    places = {row: place for place, row in enumerate(records.row.to_pylist())}
    masked = (
        chat.renderer.template.generates
        and chat.train == ("assistant",)
        and chat.train_eot
        and chat.reasoning != "untrained"
    )
    compared, with_masks, why = 0, 0, "all that were tried spell special tokens, which stay text here"
    for i, row in enumerate(documents.row.to_pylist()):
        messages, tools = chat.told({name: values[places[row]] for name, values in columns.items()})
        if _spelled([messages, tools], tokenizer.vocabulary.reserved_tokens):
            continue
        here = masked and all(one.get("weight", 1) and one.get("train", True) for one in messages)
        try:
            with _quiet():
                other, mask = theirs.of_messages(chat, messages, tools, here)
        except Exception as error:  # noqa: BLE001  (an older version may not know what a template asks for)
            why = f"{theirs.version} fails for record {row} ({type(error).__name__}: {_line(error)})"
            continue
        where = f"record {row}, by transformers {theirs.version}"
        _same(f"{where}: ids", ids[i], other, [False] * len(ids[i]))
        compared += 1
        if mask is not None:
            _same(f"{where}: loss_mask", masks[i], mask, open_[i])
            with_masks += 1
    return Tried(
        conversations=len(ids),
        compared=compared,
        masks=with_masks,
        version=theirs.version,
        why="" if compared else why,
    )


def _spelled(value: Any, tokens: tuple[str, ...]) -> bool:
    """Whether anybody says a special token, which `transformers` would take for one."""
    if isinstance(value, str):
        return any(token in value for token in tokens)
    if isinstance(value, dict):
        return any(_spelled(one, tokens) for one in (*value, *value.values()))
    return isinstance(value, list | tuple) and any(_spelled(one, tokens) for one in value)


def _same(what: str, ours: list[int], theirs: list[int], free: list[bool]) -> None:
    """Raise ValueError for the first place at which they differ."""
    for place, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other and not free[place]:
            raise ValueError(f"{what}: token {place} is {one} here and {other} there; {_ADVICE}")
    if len(ours) != len(theirs):
        raise ValueError(f"{what}: {len(ours)} tokens here and {len(theirs)} there; {_ADVICE}")


_ADVICE = (
    "a special token of the template that is none of the vocabulary's, or one that is spelled otherwise, is the usual reason; "
    "say compared: false to go on nevertheless"
)


def _straddling(documents: DocumentBatch, found: Columns, tokenizer: "Tokenizer") -> list[list[bool]]:
    """The tokens that are trained in part: here they are not, there they may be."""
    ids, special = found[INPUT_IDS], documents.spans[SPECIAL]
    spells = tokenizer.vocabulary.model.spells
    some = span_values(
        tokenizer,
        ids,
        documents.content,
        documents.spans[LOSS_MASK],
        outside=0.0,
        rule="any",
        special=special,
        located=None if spells else tokenizer.encode_column(documents.content, special=special).located,
    )
    ours = found[LOSS_MASK].values.to_numpy(zero_copy_only=False)
    partly = pa.array((some != 0) & np.logical_not(ours))
    rows: list[list[bool]] = pa.LargeListArray.from_arrays(ids.offsets, partly).to_pylist()
    return rows


@contextmanager
def _quiet() -> "Iterator[None]":
    """Without advice on what else could be installed."""
    import warnings

    name = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
