"""The reference is what the code says."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.fields import FieldInfo

from pairloom.pipeline.recipe import Recipe, parse_recipe
from pairloom.pipeline.recipe.section import Section, section_of

ROOT = Path(__file__).parents[2]


def test_pages_are_as_they_are_made() -> None:
    done = subprocess.run(
        [sys.executable, "infra/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "infra" / "make_reference.py"
    copy.parent.mkdir()
    for name in ("make_reference.py", "headlines.py"):
        shutil.copy(ROOT / "infra" / name, copy.parent)
    page = tmp_path / "docs" / "errors.md"
    page.parent.mkdir()
    page.write_text("# Errors\n\n<!-- made: errors -->\n<!-- end -->\n", encoding="utf-8")
    check = [sys.executable, str(copy), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, "docs/errors.md" in done.stderr) == (1, True)
    subprocess.run(check[:-1], check=True)
    assert "| `pairloom.DataError` |" in page.read_text(encoding="utf-8")
    assert subprocess.run(check, check=False).returncode == 0


def keys(section: type[Section] = Recipe, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a recipe that holds no section, by the way to it."""
    for name, field in section.model_fields.items():
        inner, key = section_of(field.annotation), f"{path}{field.alias or name}"
        if inner is None:
            yield key, field
        else:
            yield from keys(inner, f"{key}.")


# What a recipe says besides, so that a key is of use, by the key or by what it begins with.
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fill|>", "<|bos|>", "<|pad|>", "[MASK]"]
TOKENS += ["<|begin_audio|>", "<|end_audio|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>"]
MARKED = {"vocabulary.special_tokens": TOKENS}
CODES = {"corpus.given.tokens": "codes", "vocabulary.size": 4096, **MARKED}
PARTS = {"corpus.given.parts": "parts", **MARKED}
AUDIO: list[dict[str, Any]] = [{"name": "audio", "first": 256, "size": 1024}]
CHAT = {"corpus.messages": "messages", "corpus.template": "chatml", **MARKED}
QUALITY = {"corpus.columns": [{"name": "quality", "type": "float32"}]}
GROUP = {
    "pack.shuffle.mode": "group",
    "pack.shuffle.by": "repo",
    "corpus.columns": [{"name": "repo"}, {"name": "number", "type": "int64"}],
}
ORDER = {"pack.shuffle.mode": "order", "pack.shuffle.by": "quality", **QUALITY}
BESIDES: dict[str, dict[str, Any]] = {
    "corpus.given.tokens": CODES,
    "corpus.given.columns": CODES,
    "corpus.given.layout": CODES | {"corpus.given.layout.codebooks": 4},
    "corpus.given.layout.pattern": {"corpus.given.layout.fill": "<|fill|>"},
    "corpus.given.layout.fill": {"corpus.given.layout.pattern": "delay"},
    "corpus.given.modality.": CODES | {f"corpus.given.modality.{key}": of for key, of in AUDIO[0].items()},
    "corpus.given.modalities.": PARTS
    | {f"corpus.given.modalities.{key}": of for key, of in AUDIO[0].items()},
    "corpus.given.part": PARTS | {"corpus.given.modalities": AUDIO},
    "corpus.given.untrained": PARTS | {"corpus.given.modalities": AUDIO},
    "corpus.messages": CHAT,
    "corpus.template": CHAT,
    "corpus.tools": CHAT,
    "corpus.train": CHAT,
    "corpus.reasoning": CHAT,
    "corpus.keep_untrained": CHAT,
    "corpus.compared": CHAT,
    "corpus.turns": CHAT,
    "corpus.preferences.system": {"corpus.template": "plain", "corpus.train_eot": False},
    "corpus.preferences.text": {"corpus.preferences.completions": "answers"},
    "corpus.preferences.reward": {"corpus.preferences.completions": "answers"},
    "corpus.preferences.whole": {"corpus.preferences.prompt": "prompt"},
    "corpus.preferences.values": {"corpus.preferences.rewards": ["score_chosen", "score_rejected"]},
    "corpus.preferences.probabilities": {"corpus.preferences.completions": "answers"},
    "corpus.preferences.critical": {"corpus.preferences.probabilities": ["chosen_p", "rejected_p"]},
    "corpus.preferences.segments": {"corpus.preferences.probabilities": ["chosen_p", "rejected_p"]},
    "corpus.columns.": {"corpus.columns.name": "quality", "corpus.columns.type": "float32"},
    "corpus.epochs.": {"corpus.epochs.by": "quality", "corpus.epochs.buckets": [[0.5, 2]], **QUALITY},
    "corpus.keep.": {"corpus.keep.by": "quality", "corpus.keep.share": 0.2, **QUALITY},
    "mixture.tokens": {"corpus.weight": 1},
    "vocabulary.roles": MARKED,
    "vocabulary.initial_alphabet": {"vocabulary.limit_alphabet": 200},
    "vocabulary.append": {"vocabulary.from": "tokenizer.json"},
    "vocabulary.ranks": {"vocabulary.from": "ranks.tiktoken"},
    "vocabulary.extend_by": {"vocabulary.extend": "base/tokenizer.json"},
    "tokenize.prepend": MARKED,
    "pack.min_bucket": {"pack.strategy": "buckets"},
    "pack.shuffle.groups": {"pack.shuffle.mode": "block"},
    "pack.shuffle.by": GROUP,
    "pack.shuffle.then": GROUP,
    "pack.related": GROUP,
    "pack.join.": GROUP,
    "pack.near.": {"pack.deduplicate": "near"},
    "pack.near.keep": {"pack.near.by": "quality", **QUALITY},
    "pack.near.by": {"pack.near.keep": "best", **QUALITY},
    "pack.shuffle.descending": ORDER,
    "pack.shuffle.window": ORDER,
    "pack.pad": MARKED,
    "pack.steps": MARKED,
    "pack.rows": MARKED,
}


@pytest.mark.parametrize(("key", "field"), list(keys()), ids=lambda one: one if isinstance(one, str) else "")
def test_every_key_has_an_example_that_a_recipe_may_say(key: str, field: FieldInfo) -> None:
    """A new key brings its own: Field(..., examples=[...]), and in BESIDES what a recipe has to say with it."""
    assert field.examples is not None, f"{key}: give its Field examples=[...]"
    (value,) = field.examples
    besides = [one for start, one in BESIDES.items() if key.startswith(start)]
    said = {"corpus.name": "web", "corpus.paths": ["a.jsonl"]}
    for one in besides:
        said |= one
    recipe: dict[str, Any] = {}
    for path, of in {**said, key: value}.items():
        at = recipe
        *folders, last = path.split(".")
        for folder in folders:
            at = at.setdefault(folder, {})
        at[last] = of
    parse_recipe(yaml.safe_dump(recipe))
