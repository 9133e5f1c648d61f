"""Merges and spellings of a file, all at once: the same as one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.file_merges import file_merges
from pairloom.operators.vocabulary.tokens import TokenTable, alphabet_bytes, from_alphabet, to_alphabet

words = st.text("ab \u0120\u00e9\u65e5\0", max_size=3)
merges = st.one_of(
    st.lists(st.text("ab  #\u0120", max_size=5), min_size=1),
    st.lists(st.lists(words, min_size=1, max_size=3), min_size=1),
    st.lists(
        st.one_of(st.none(), st.integers(), words, st.lists(st.one_of(st.none(), words), max_size=2)),
        min_size=1,
    ),
)


@given(merges, st.lists(words, unique=True))
def test_merges_are_looked_up_as_a_dictionary_does(merges: list[object], vocab: list[str]) -> None:
    place = {word: number for number, word in enumerate(vocab)}
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    found = file_merges(merges, vocab)
    if found is not None:
        assert found.sides.tolist() == [[place[part] for part in pair] for pair in pairs]  # type: ignore[union-attr]
        assert found.products.tolist() == [place["".join(pair)] for pair in pairs]  # type: ignore[arg-type]
        return
    kinds = {type(merge) for merge in merges}
    good = kinds <= {str} or kinds <= {list}
    good = good and all(len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in pairs)  # type: ignore[arg-type,union-attr]
    good = good and not any(isinstance(merge, str) and merge.startswith("#version") for merge in merges)
    assert not good or any(part not in place for pair in pairs for part in (*pair, "".join(pair)))  # type: ignore[misc,arg-type]


@given(st.one_of(st.text(), st.binary().map(to_alphabet)))
def test_spellings_are_read_as_letter_by_letter(spelling: str) -> None:
    found, expected = alphabet_bytes(spelling), from_alphabet(spelling)
    assert (None if found is None else found.tobytes()) == expected


@given(st.lists(st.binary(max_size=4)), st.data())
def test_tokens_are_taken_as_from_a_list(tokens: list[bytes], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(tokens) - 1))) if tokens else []
    assert list(TokenTable.of(tokens).take(np.array(chosen, np.int64))) == [tokens[i] for i in chosen]


@pytest.mark.parametrize("special", [("<|x|>", "<|\u00e9|>"), ()])
def test_ids_without_a_token_and_in_any_order_come_back(special: tuple[str, ...]) -> None:
    tokens = [bytes([byte]) for byte in reversed(range(256))] + [
        b"",
        b"ab",
        *(one.encode() for one in special),
    ]
    made = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.array([[255 - 97, 255 - 98]], np.int32)),
        special_tokens=special,
        special_ids=tuple(range(258, 258 + len(special))),
    )
    again = Vocabulary.from_json(made.to_json())
    assert list(again.tokens) == tokens
    assert again == made
