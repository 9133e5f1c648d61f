"""What is learned here and written as a `.model`: `sentencepiece` gives the ids and texts that `tokenizers` gives of the `tokenizer.json`."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sentencepiece
import tokenizers

import pairloom as pl
from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.learners import Target
from pairloom.operators.learners.character_bpe import CharacterBPELearner
from pairloom.operators.learners.unigram import UnigramLearner
from tests.golden.families.texts import texts
from tests.support.owners import corpus

_ODD = (
    "a",
    "the",
    " ",
    "  ",
    "\u2581",
    "\t",
    "\n",
    "ab",
    "e\u0301",
    "\u65e5",
    "\u200b",
    "\ufdfa",
    "\0",
    "<0x41>",
    "\U0001f600",
)
SPECIAL = ("<s>", "</s>", "<pad>", "<x>")


@pytest.mark.parametrize("options", [{}, {"byte_fallback": False}, {"prefix": False}], ids=str)
@pytest.mark.parametrize("learner", [UnigramLearner, CharacterBPELearner])
def test_both_owners_give_the_same_ids_and_texts(
    learner: Any, options: dict[str, bool], tmp_path: Path
) -> None:
    words = count_words(pa.array(corpus()), Pretokenizer(scheme="whitespace"))
    vocabulary: Vocabulary = learner(**options).learn(words, Target(size=1500, special_tokens=SPECIAL))
    made = pl.export(vocabulary, tmp_path / "t.model", format="sentencepiece")
    assert made.facts["proved_by"] == f"sentencepiece {sentencepiece.__version__}"
    owner = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "t.model"))
    assert (owner.bos_id(), owner.eos_id(), owner.pad_id(), owner.unk_id()) == (0, 1, 2, 4)
    drawn = random.Random(str(options))
    rows = [
        *(text for text in texts() if not any(token in text for token in vocabulary.special_tokens)),
        *("".join(drawn.choices(_ODD, k=drawn.randint(0, 40))) for _ in range(300)),
    ]
    library = tokenizers.Tokenizer.from_str(vocabulary.to_json().decode())
    expected = [library.encode(text, add_special_tokens=False).ids for text in rows]
    assert owner.encode(rows) == expected
    assert vocabulary.encode(pa.array(rows, pa.large_string())).to_pylist() == expected
    for ids in expected:
        assert (
            owner.decode(ids)
            == library.decode(ids, skip_special_tokens=False)
            == vocabulary.decode(ids).decode()
        )
