"""The files of a vocabulary in the runtimes that they are for: transformers, transformers.js and llama.cpp give the same ids."""

import json
import random
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import transformers

import pairloom as pl
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.vocabulary.golden import GOLDEN
from tests.support.corpora import documents, recipe_for, write_jsonl

NODE = Path(sys.prefix, "node")
SPECIAL = ["<s>", "</s>", "<pad>", "<unk>"]
TEXTS = [*GOLDEN, *(text for _, text in documents(20, seed=4))]
# Those that transformers.js cuts as `tokenizers` does; `cl100k` has quantifiers that no JavaScript knows.
SCHEMES = [
    *("gpt2", "cl100k_2023", "llama3", "o200k", "qwen2", "qwen35", "deepseek_v3", "superbpe"),
    *("superwords", "whitespace", "none"),
]
LLAMA_CPP = ["gpt2", "cl100k_2023", "llama3", "qwen2", "qwen35", "deepseek_v3"]


def ran(script: str, asked: dict[str, Any]) -> Any:
    """What a script of `node/` says; packages are found from where it lies, so that it is copied beside them."""
    file = NODE / script
    shutil.copy(Path(__file__).parent / "node" / script, file)
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    assert node is not None
    done = subprocess.run(
        [node, script], cwd=NODE, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def over_words(scheme: str, texts: list[str], size: int) -> Vocabulary:
    """A vocabulary whose merges go over the words of any scheme: wherever two cut otherwise, ids differ.

    No ordinary token is to look like a special one: llama.cpp would take `<|endoftext|>` for one whatever the file says.
    """
    whole = Pretokenizer(scheme="none")
    texts = [text for text in texts if "<" not in text]
    learned = learn_bpe(count_words(pa.array(texts), whole), size, special_tokens=SPECIAL, pretokenizer=whole)
    return Vocabulary(
        tokens=learned.tokens,
        model=learned.model,
        special_tokens=learned.special_tokens,
        special_ids=learned.special_ids,
        pretokenizer=Pretokenizer(scheme=scheme),
    )


def ids(vocabulary: Vocabulary, texts: list[str], policy: str) -> list[list[int]]:
    found: list[list[int]] = vocabulary.encode(
        pa.array(texts, pa.large_string()), special_tokens_in_text=policy
    ).to_pylist()
    return found


def mixed_texts(count: int) -> list[str]:
    """Short texts of characters of every kind, with those between them that patterns look at."""
    chance = random.Random(5)
    kinds: dict[str, list[str]] = {}
    for code in range(0x20, 0x20000):
        kind = unicodedata.category(chr(code))
        if kind not in ("Cn", "Cs", "Co") and code != 0x17F:  # the long s: see `pipeline/export/gguf.py`
            kinds.setdefault(kind, []).append(chr(code))
    rich = list(kinds)
    near = [*" \n\t\r'sStTlLdDmMvVeErR019a.,!/", "  ", "\r\n", "'ll", "123", "\u3000", "\u00a0", "\u0085"]
    return [
        "".join(
            chance.choice(near) if chance.random() < 0.5 else chance.choice(kinds[chance.choice(rich)])
            for _ in range(chance.randint(1, 12))
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_jsonl(folder / "in" / "a.jsonl", documents(60))
    settings = [
        f"vocabulary.special_tokens={SPECIAL}",
        "vocabulary.roles={bos: <s>, unk: <unk>}",
        "tokenize.prepend=['<s>']",
        "tokenize.append=['</s>']",
        "pack.pad=<pad>",
    ]
    pl.run(recipe_for(folder, *settings))
    return folder / "out"


def test_auto_tokenizer_knows_ids_roles_lengths_and_the_template(root: Path, tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ bos_token }}{{ m['content'] }}{{ eos_token }}{% endfor %}"
    pl.export(root, tmp_path / "t", format="tokenizer", chat_template=template, max_length=64)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "t")
    vocabulary = pl.open(root).vocabulary()
    wanted = ids(vocabulary, TEXTS, "parse")
    assert [loaded.encode(text, add_special_tokens=False) for text in TEXTS] == wanted
    first = vocabulary.special_id("<s>")
    assert [loaded.encode(text, verbose=False) for text in TEXTS] == [[first, *row] for row in wanted]
    roles = {role: getattr(loaded, f"{role}_token") for role in ("bos", "eos", "pad", "unk")}
    assert roles == {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>"}
    assert (loaded.model_max_length, loaded.is_fast) == (64, True)
    cut = loaded(TEXTS[-1] * 9, truncation=True)["input_ids"]
    assert len(cut) == 64
    assert loaded.decode([first, *wanted[1]], skip_special_tokens=True) == TEXTS[1]
    said = loaded.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
    assert said == "<s>hello</s>"
    chosen = transformers.GenerationConfig.from_pretrained(tmp_path / "t")
    assert (chosen.bos_token_id, chosen.eos_token_id, chosen.pad_token_id) == (0, 1, 2)


def test_transformers_js_gives_the_same_ids(root: Path, tmp_path: Path) -> None:
    pl.export(root, tmp_path / "root", format="tokenizer")
    made = {str(tmp_path / "root"): pl.open(root).vocabulary()}
    for scheme in SCHEMES:
        made[str(tmp_path / scheme)] = over_words(scheme, TEXTS, 1200)
        pl.export(made[str(tmp_path / scheme)], tmp_path / scheme, format="tokenizer")
    said = ran("folders.mjs", {"folders": list(made), "texts": TEXTS})
    for folder, vocabulary in made.items():
        wanted = ids(vocabulary, TEXTS, "parse")
        assert said[folder]["plain"] == wanted, folder
        assert said[folder]["decoded"] == TEXTS, folder
    wanted = ids(made[str(tmp_path / "root")], TEXTS, "parse")
    assert said[str(tmp_path / "root")]["special"] == [[0, *row] for row in wanted]


def test_llama_cpp_gives_the_same_ids_by_the_pretokenizer_that_is_named(root: Path, tmp_path: Path) -> None:
    texts = [*TEXTS, *mixed_texts(1000)]
    made = {str(tmp_path / f"{scheme}.gguf"): over_words(scheme, texts, 5000) for scheme in LLAMA_CPP}
    made[str(tmp_path / "root.gguf")] = pl.open(root).vocabulary()
    for file, vocabulary in made.items():
        source = root if file.endswith("root.gguf") else vocabulary
        pl.export(source, file, format="gguf")
    said = ran("gguf.mjs", {"files": list(made), "texts": texts})
    for file, vocabulary in made.items():
        assert said[file]["text"] == ids(vocabulary, texts, "text"), file
        assert said[file]["parse"] == ids(vocabulary, texts, "parse"), file
        assert (said[file]["bos"], said[file]["eos"]) == (0, 1)
