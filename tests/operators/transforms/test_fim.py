"""Fill-in-the-middle: equal to an independent plain implementation, undone, and drawn as often as it says."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.reference.transforms import fim as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TRANSFORMS, document_streams, prepared
from pairloom.operators.transforms._fim_syntax import node_spans
from pairloom.operators.transforms.fim import PRESETS, FillInTheMiddle, Sentinels, Tables
from pairloom.operators.transforms.kernels.fim import count_places, find_places

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


@settings(deadline=None, max_examples=150)
@given(texts_drawn, steps, st.integers(0, 2**64 - 1))
def test_it_is_an_independent_plain_implementation_on_text(
    texts: list[str], step: FillInTheMiddle, seed: int
) -> None:
    batch = batch_of(encoded(texts))
    tables = step.prepare(VOCABULARY)
    made = step(batch, seed, tables)
    streams = document_streams(seed, batch).tolist()
    wanted = [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    assert rows(made) == wanted
    if step.truncate == "middle":
        assert (made.length <= batch.length).all()
        assert step.undo(made, seed, tables) is None
        return
    # The text comes back, and where tokens were not cut, the tokens.
    back = step.undo(made, seed, tables)
    assert VOCABULARY.decode(back.gathered("input_ids")).equals(
        VOCABULARY.decode(batch.gathered("input_ids"))
    )
    if step.split == "token":
        assert rows(back) == rows(batch)


@settings(deadline=None, max_examples=150)
@given(id_lists, steps, st.integers(0, 2**64 - 1), st.sampled_from([np.uint16, np.uint32]))
@example(
    [[5, 0, 5]], FillInTheMiddle(rate=0.5, spm_rate=0.0, tokens=NAMES), 0, np.uint32
)  # ids wider than need be
def test_any_tokens_are_taken_special_ones_inside_and_broken_characters_too(
    documents: list[list[int]], step: FillInTheMiddle, seed: int, dtype: type
) -> None:
    batch = batch_of(documents, dtype)
    tables = step.prepare(VOCABULARY)
    made = rows(step(batch, seed, tables))
    special = set(IDS.values())
    for document, found, stream in zip(documents, made, document_streams(seed, batch).tolist(), strict=True):
        head, tail = twin.own_tokens(document, special)
        own = document[head : len(document) - tail]
        try:
            VOCABULARY.decode(own).decode()
        except UnicodeDecodeError:
            if step.split != "token":
                assert found == document
                continue
        if step.split == "token" or broken_nowhere(own):
            assert found == plain(document, stream, step)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.text(st.sampled_from("a\n é日🎉"), max_size=12), max_size=5),
    st.booleans(),
    st.lists(st.integers(0, 60), max_size=4, unique=True),
)
def test_the_places_of_texts_are_those_of_the_twin(texts: list[str], lines: bool, edges: list[int]) -> None:
    data = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, data)], dtype=np.int64)
    # Ranges that nothing is cut in, each inside of one text.
    owners = np.searchsorted(offsets, sorted(edges), side="right")
    pairs = [
        (a, b)
        for (a, i), (b, j) in zip(*[iter(zip(sorted(edges), owners.tolist(), strict=True))] * 2, strict=False)
        if i == j and b <= offsets[-1]
    ]
    whole = np.array([edge for pair in pairs for edge in pair], np.int64)
    flat = np.frombuffer(b"".join(data), np.uint8).copy()
    counts = np.zeros(len(data), np.int64)
    count_places(flat, offsets, whole, lines, counts)
    wanted = [
        twin.places(text, lines=lines, whole=[(a - start, b - start) for a, b in pairs])
        for text, start in zip(data, offsets.tolist(), strict=False)
    ]
    assert counts.tolist() == [len(found) for found in wanted]
    for k in range(max(map(len, wanted), default=0)):
        first = np.array([min(k, len(found) - 1) for found in wanted], np.int64)
        second = np.array([len(found) - 1 for found in wanted], np.int64)
        expected = [
            [found[i] + s for found, i, s in zip(wanted, which, offsets, strict=False)]
            for which in (first, second)
        ]
        find_places(flat, offsets, whole, lines, first, second)
        assert [first.tolist(), second.tolist()] == expected


def broken_nowhere(own: list[int]) -> bool:
    """Whether every run of ordinary tokens is text by itself."""
    run: list[int] = []
    for token in [*own, IDS["<p>"]]:
        if token in IDS.values():
            try:
                VOCABULARY.decode(run).decode()
            except UnicodeDecodeError:
                return False
            run = []
        else:
            run.append(token)
    return True


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(5, 300), max_size=30), max_size=4),
    st.integers(1, 9),
    st.sampled_from(["none", "middle"]),
    st.integers(0, 2**64 - 1),
)
def test_chunks_are_infilled_one_by_one(
    documents: list[list[int]], size: int, truncate: str, seed: int
) -> None:
    step = FillInTheMiddle(
        rate=0.6, level="chunk", chunk_tokens=size, split="token", truncate=truncate, tokens=NAMES
    )
    batch = batch_of([[0, *d, 0] for d in documents])
    made = step(batch, seed, step.prepare(VOCABULARY))
    streams = document_streams(seed, batch).tolist()
    assert rows(made) == [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    if truncate == "middle":
        assert (made.length == batch.length).all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(5, 300), max_size=30), max_size=4),
    st.integers(1, 9),
    st.sampled_from(["token", "character"]),
    st.integers(0, 2**64 - 1),
)
def test_segments_are_infilled_one_by_one_and_keep_their_lengths(
    documents: list[list[int]], size: int, split: str, seed: int
) -> None:
    step = FillInTheMiddle(rate=0.8, level="segment", split=split, truncate="middle", tokens=NAMES)
    step = step.in_rows(size, aligned=True)
    batch = batch_of([[0, 0, *d, 0] for d in documents])
    made = step(batch, seed, step.prepare(VOCABULARY))
    assert (made.length == batch.length).all()
    streams = document_streams(seed, batch).tolist()
    if split == "token":
        assert rows(made) == [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    for found, document in zip(rows(made), rows(batch), strict=True):
        for at in range(0, len(document), size):
            piece = found[at : at + size]
            assert piece.count(IDS["<p>"]) == piece.count(IDS["<m>"]) <= 1


def test_segments_need_rows_that_are_cut_there() -> None:
    step = FillInTheMiddle(level="segment", truncate="middle")
    assert step.in_rows(64, aligned=True).chunk_tokens == 64
    with pytest.raises(ValueError, match=r"^level must not be segment where rows do not cut"):
        step.in_rows(64, aligned=False)


PYTHON = """\
import os

@property
def naïve(x, *rest):
    'a string'
    return f"{x + 1!r} of {rest}" if x else [y ** 2 for y in rest]
"""


def test_the_middle_of_syntax_is_a_node() -> None:
    """Structured infilling: every node of the tree is a middle, and nothing else is."""
    import ast

    tree = ast.parse(PYTHON)
    strings = {
        id(inner)
        for n in ast.walk(tree)
        if isinstance(n, ast.JoinedStr)
        for inner in ast.walk(n)
        if inner is not n
    }
    nodes = [n for n in ast.walk(tree) if hasattr(n, "lineno") and id(n) not in strings]
    wanted = {ast.get_source_segment(PYTHON, n) for n in nodes}
    assert {PYTHON.encode()[a:b].decode() for a, b in node_spans(PYTHON.encode())} == wanted
    step = FillInTheMiddle(rate=1.0, split="syntax", tokens=ENDED)
    tables, found = step.prepare(VOCABULARY), set()
    for seed in range(200):
        (made,) = rows(step(batch_of(encoded([PYTHON])), seed, tables))
        psm = made[1] != IDS["<s>"]
        start = made.index(IDS["<m>"]) + 1
        middle = VOCABULARY.decode(made[start : made.index(IDS["<e>"])]).decode()
        if psm:
            found.add(middle)
            assert middle in wanted
        else:
            assert any(middle.endswith(one) for one in wanted)
        back = step.undo(batch_of([made]), seed, tables)
        assert VOCABULARY.decode(rows(back)[0][:-1]).decode() == PYTHON
    assert len(found) > len(wanted) // 2


@pytest.mark.parametrize("text", ["def (", "a\0b", "(" * 5000, "", "\ufeffx = 1", "x = '" + "\\d'"])
def test_what_is_no_python_is_cut_at_characters(text: str) -> None:
    step = FillInTheMiddle(rate=1.0, split="syntax", tokens=ENDED)
    plain_step = FillInTheMiddle(rate=1.0, split="character", tokens=ENDED)
    batch = batch_of(encoded([text]))
    made = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    if not node_spans(text.encode()):
        assert made == rows(plain_step(batch, SEED, plain_step.prepare(VOCABULARY)))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_of_python_end_in_three_ways(newline: str) -> None:
    text = newline.join(["x = 1", "y = 'é' + z", ""]).encode()
    assert {text[a:b].decode() for a, b in node_spans(text)} == {
        "x",
        "1",
        "x = 1",
        "y",
        "'é'",
        "z",
        "'é' + z",
        "y = 'é' + z",
    }


@settings(deadline=None, max_examples=40)
@given(texts_drawn, st.integers(1, 9), st.integers(0, 2**64 - 1))
def test_chunks_of_characters_decode_to_their_text(texts: list[str], size: int, seed: int) -> None:
    step = FillInTheMiddle(rate=1.0, level="chunk", chunk_tokens=size, tokens=ENDED)
    batch = batch_of(encoded(texts))
    for found, text in zip(rows(step(batch, seed, step.prepare(VOCABULARY))), texts, strict=True):
        # An eot ends every infill, so that each can be told from what follows.
        out: list[int] = []
        rest = found[:-1]
        while rest:
            if rest[0] == IDS["<p>"]:
                end = rest.index(IDS["<e>"]) + 1
                ids = {"prefix": IDS["<p>"], "suffix": IDS["<s>"], "middle": IDS["<m>"], "eot": IDS["<e>"]}
                out += twin.undone(rest[:end], ids)
                rest = rest[end:]
            else:
                out.append(rest.pop(0))
        assert VOCABULARY.decode(out).decode() == text


@settings(deadline=None, max_examples=40)
@given(texts_drawn, steps, st.randoms(use_true_random=False))
def test_a_document_is_the_same_wherever_it_stands_and_another_in_another_copy(
    texts: list[str], step: FillInTheMiddle, shuffler: object
) -> None:
    copies = [i % 3 for i in range(len(texts))]
    batch = batch_of(encoded(texts), copies=copies)
    tables = step.prepare(VOCABULARY)
    order = list(range(len(texts)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    made = rows(step(batch, SEED, tables))
    other = rows(step(batch.take(np.array(order, np.int64)), SEED, tables))
    assert other == [made[i] for i in order]


def test_copies_of_a_document_are_drawn_apart() -> None:
    (document,) = encoded([TEXT[1]])
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array(document, np.uint16)] * 50},
        number=np.full(50, 11),
        copy=np.arange(50, dtype=np.int32),
    )
    step = FillInTheMiddle(tokens=NAMES)
    found = {tuple(row) for row in rows(step(batch, SEED, step.prepare(VOCABULARY)))}
    assert len(found) > 20


def test_a_column_beside_the_ids_moves_with_its_tokens() -> None:
    ids = [np.arange(5, 20, dtype=np.uint16), np.array([0, 40, 41, 42, 0], np.uint16)]
    mask = [np.arange(15, dtype=np.float32) + 1, np.array([9, 8, 7, 6, 5], np.float32)]
    batch = TokenBatch.from_lists(
        {"input_ids": ids, "loss_weight": mask}, documents={"source": np.array([3, 4])}
    )
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    made = step(batch, SEED, step.prepare(VOCABULARY))
    weight = {
        int(t): float(w) for i, m in zip(ids, mask, strict=True) for t, w in zip(i, m, strict=True) if t
    }
    for row, beside in zip(rows(made), made.gathered("loss_weight").to_pylist(), strict=True):
        assert [weight.get(t, 0.0) for t in row if t] == [w for t, w in zip(row, beside, strict=True) if t]
    assert made.documents["source"].tolist() == [3, 4]
    with pytest.raises(ValueError, match="loss_weight would stand beside other tokens"):
        FillInTheMiddle(rate=1.0, tokens=NAMES)(batch, SEED, step.prepare(VOCABULARY))


def test_golden_cases() -> None:
    """What the step gave on the day it was written, so that no later version may give other tokens in silence."""
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    made = step(batch_of([list(range(10, 20)), [0, 30, 31, 0], []]), SEED, step.prepare(VOCABULARY))
    assert rows(made) == GOLDEN


GOLDEN = [[1, 10, 11, 12, 13, 14, 15, 2, 18, 19, 3, 16, 17], [0, 1, 30, 31, 2, 3, 0], []]


def chi_square(seen: list[int], expected: list[float]) -> float:
    """Pearson's statistic, in standard deviations above its mean."""
    value = sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True))
    free = len(seen) - 1
    return (value - free) / math.sqrt(2 * free)


def test_rates_orders_and_cuts_are_drawn_as_they_should() -> None:
    n = 20_000
    step = FillInTheMiddle(rate=0.3, spm_rate=0.25, split="token", tokens=NAMES)
    batch = batch_of([[10, 11, 12, 13]] * n)
    made = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    infills = [row for row in made if row[0] == IDS["<p>"]]
    assert chi_square([len(infills), n - len(infills)], [0.3 * n, 0.7 * n]) < 4
    # Cuts: two draws of five places; the pair (first, second) is twice as likely where they differ.
    pairs: dict[tuple[int, int], int] = {}
    spm = ambiguous = 0
    for row in infills:
        suffix, middle = row.index(IDS["<s>"]), row.index(IDS["<m>"])
        length = middle - suffix - 1
        if suffix > 1:
            pairs[suffix - 1, 4 - length] = pairs.get((suffix - 1, 4 - length), 0) + 1
        else:
            ambiguous += 1
    psm = sum(pairs.values())
    # PSM with a prefix: four fifths of the draws squared are behind the first place.
    share = 0.75 * (1 - (1 - 0.8**2))
    assert chi_square([psm, len(infills) - psm], [share * len(infills), (1 - share) * len(infills)]) < 4
    keys = [(a, b) for a in range(1, 5) for b in range(a, 5)]
    weights = [1 if a == b else 2 for a, b in keys]
    expected = [psm * w / sum(weights) for w in weights]
    assert chi_square([pairs.get(k, 0) for k in keys], expected) < 4
    assert spm == 0 < ambiguous


def test_special_tokens_stay_at_the_ends_and_documents_without_others_stay() -> None:
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    batch = batch_of([[0, 4, 10, 11, 12, 0, 0], [0, 0], [], [0], [10, IDS["<m>"], 12]])
    first, *others = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    assert first[:3] == [0, 4, IDS["<p>"]]
    assert first[-2:] == [0, 0]
    # What holds a sentinel already is an infill, or looks like one.
    assert others == [[0, 0], [], [0], [10, IDS["<m>"], 12]]


def test_prepared_counts_what_steps_add_and_remove() -> None:
    batch = batch_of(encoded(TEXT))
    grow = FillInTheMiddle(rate=1.0, tokens=NAMES)
    made = prepared(batch, [grow], SEED, [grow.prepare(VOCABULARY)])
    assert made.batch.tokens == batch.tokens + made.added - made.removed
    assert made.added >= 3 * len(TEXT) - made.removed
    assert prepared(batch, [], SEED, []).batch is batch


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_name_three_or_four_tokens(preset: str) -> None:
    names = FillInTheMiddle(tokens=preset).special_tokens
    assert len(set(names)) == len(names) == (4 if preset in ("codellama", "codegemma") else 3)


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 1.5}, "rate"),
        ({"spm_rate": -0.1}, "spm_rate"),
        ({"chunk_tokens": 0}, "chunk_tokens"),
        ({"tokens": "gpt"}, "tokens"),
        ({"level": "segment"}, "truncate"),
        ({"tokens": Sentinels(prefix="<p>", suffix="<p>", middle="<m>")}, "tokens"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        FillInTheMiddle(**keys)


def test_it_is_found_by_name_and_its_tables_can_be_sent() -> None:
    import pickle

    assert TRANSFORMS.get("fim") is FillInTheMiddle
    step = FillInTheMiddle(tokens=NAMES)
    tables = pickle.loads(pickle.dumps(step.prepare(VOCABULARY)))
    assert isinstance(tables, Tables)
    batch = batch_of(encoded(TEXT))
    assert rows(step(batch, SEED, tables)) == rows(step(batch, SEED, step.prepare(VOCABULARY)))
    assert step.identity() != FillInTheMiddle(tokens=ENDED).identity()
