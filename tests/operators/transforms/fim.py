"""A vocabulary with the special tokens of fill-in-the-middle, documents in it, and a plain implementation."""

import math

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.reference.transforms import fim as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms.fim import FillInTheMiddle, Sentinels

SEED = 2022
NAMES = Sentinels(prefix="<p>", suffix="<s>", middle="<m>")
ENDED = Sentinels(prefix="<p>", suffix="<s>", middle="<m>", eot="<e>")
SPECIAL = ["<|end|>", "<p>", "<s>", "<m>", "<e>"]
TEXT = [
    "def add(a, b):\n    return a + b\n",
    "The quick brown fox's 12345 jumps over the lazy dog. " * 4,
    "naïve café 日本語テキスト 🎉🎈\n\nанализ данных\n",
    "x",
    "\n\n\n",
    "for i in range(10):\n\tprint(i)\n",
]


def vocabulary() -> Vocabulary:
    """A small byte-level vocabulary with the sentinels."""
    cut = Pretokenizer(scheme="gpt2")
    return learn_bpe(count_words(pa.array(TEXT), cut), 330, special_tokens=SPECIAL, pretokenizer=cut)


VOCABULARY = vocabulary()
IDS = {token: VOCABULARY.special_id(token) for token in SPECIAL}


def batch_of(
    documents: list[list[int]], dtype: type = np.uint16, copies: list[int] | None = None
) -> TokenBatch:
    """Documents of ids, numbered by a function of their places."""
    return TokenBatch.from_lists(
        {"input_ids": [np.array(d, dtype) for d in documents] or []},
        number=np.arange(len(documents), dtype=np.int64) * 7919 - 3,
        copy=None if copies is None else np.array(copies, np.int32),
    )


def encoded(texts: list[str]) -> list[list[int]]:
    """Texts as tokens, with an end each."""
    return VOCABULARY.encode(pa.array(texts, pa.large_string()), append=[IDS["<|end|>"]]).to_pylist()


def rows(batch: TokenBatch) -> list[list[int]]:
    """The ids of each document."""
    return batch.gathered("input_ids").to_pylist()


def plain(document: list[int], stream: int, step: FillInTheMiddle) -> list[int]:
    """The step on one document, in a few lines that share nothing with it but the draws of the twin."""
    special = set(IDS.values())
    sentinels = {
        name: IDS[token]
        for name in ("prefix", "suffix", "middle", "eot")
        if (token := getattr(step.sentinels, name))
    }
    if twin.holds(document, set(sentinels.values())):
        return document
    head, tail = twin.own_tokens(document, special)
    own = document[head : len(document) - tail]
    if step.level == "segment":
        return in_segments(document, head, tail, stream, step, sentinels)
    size = step.chunk_tokens if step.level == "chunk" else max(1, len(own))
    out = document[:head]
    for number, at in enumerate(range(0, len(own), size)):
        out += one_chunk(own[at : at + size], stream, number, step, sentinels)
    return out + document[len(document) - tail :]


def in_segments(
    document: list[int],
    head: int,
    tail: int,
    stream: int,
    step: FillInTheMiddle,
    sentinels: dict[str, int],
) -> list[int]:
    """Every piece of a row by itself; what is special at the ends of the document stays."""
    out: list[int] = []
    for number, at in enumerate(range(0, len(document), step.chunk_tokens)):
        places = range(at, min(at + step.chunk_tokens, len(document)))
        own = [document[i] for i in places if head <= i < len(document) - tail]
        made = one_chunk(own, stream, number, step, sentinels) if own else own
        before = [document[i] for i in places if i < head]
        behind = [document[i] for i in places if i >= max(head, len(document) - tail)]
        out += before + (made if len(made) == len(own) else own) + behind
    return out


def one_chunk(
    chunk: list[int], stream: int, number: int, step: FillInTheMiddle, sentinels: dict[str, int]
) -> list[int]:
    """One chunk, cut as the step says."""
    rates = [min(2**53, math.ceil(rate * 2**53)) for rate in (step.rate, step.spm_rate)]
    mode = twin.choose_modes(stream, number, *rates)
    if mode == "plain":
        return chunk
    if step.split == "token":
        cuts = twin.choose_places(stream, number, len(chunk) + 1)
        return twin.infill(chunk, mode, *cuts, sentinels, truncate=step.truncate == "middle")
    # A special token is one character that nothing is cut in.
    atoms: list[str | int] = []
    run: list[int] = []
    for token in [*chunk, None]:
        if token is not None and token not in IDS.values():
            run.append(token)
            continue
        atoms += list(VOCABULARY.decode(run).decode())
        run = []
        if token is not None:
            atoms.append(token)
    if step.split == "line":
        places = [0] + [i + 1 for i, a in enumerate(atoms[:-1]) if a == "\n"] + [len(atoms)]
    else:
        places = list(range(len(atoms) + 1))
    first, second = (places[i] for i in twin.choose_places(stream, number, len(places)))
    parts = [retokenized(part) for part in (atoms[:first], atoms[first:second], atoms[second:])]
    extra = sum(map(len, parts)) + len(sentinels) - len(chunk)
    if step.truncate == "middle" and extra > 0:
        if len(parts[1]) <= extra:
            return chunk
        parts[1] = parts[1][:-extra]
    prefix, middle, suffix = parts
    first, second = len(prefix), len(prefix) + len(middle)
    return twin.infill([*prefix, *middle, *suffix], mode, first, second, sentinels)


def retokenized(atoms: list[str | int]) -> list[int]:
    """Characters and special tokens as tokens."""
    out: list[int] = []
    text = ""
    for atom in [*atoms, None]:
        if isinstance(atom, str):
            text += atom
            continue
        out += VOCABULARY.encode_one(text).tolist() if text else []
        text = ""
        if atom is not None:
            out.append(atom)
    return out


steps = st.builds(
    FillInTheMiddle,
    rate=st.sampled_from([0.0, 0.5, 1.0]),
    spm_rate=st.sampled_from([0.0, 0.5, 1.0]),
    split=st.sampled_from(["character", "line", "token"]),
    truncate=st.sampled_from(["none", "middle"]),
    tokens=st.sampled_from([NAMES, ENDED]),
)
texts_drawn = st.lists(
    st.text(st.sampled_from("ab \n\té日🎉1.'"), max_size=25) | st.sampled_from(TEXT), max_size=5
)
id_lists = st.lists(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=12), max_size=5)
