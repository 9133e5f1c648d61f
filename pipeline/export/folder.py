"""A vocabulary as the folder that `AutoTokenizer.from_pretrained` opens: with roles, so that models know which token ends text.

    tokenizer.json            the vocabulary; with special tokens asked for, those that stand before a document
    tokenizer_config.json     the class, the roles, the longest input, the chat template
    special_tokens_map.json   the roles, as older readers look for them
    generation_config.json    the ids of the roles, as `generate` wants them
    token_bytes.npy           int32[tokens], the bytes of text of each token, 0 for special ones: for bits per byte;
                              only where tokens spell their text
    tokenizer.model           that of SentencePiece: what the vocabulary was read from, or one with the same ids, where it has one
    README.md                 where it is from, and what it is

Before anything is written, the ids that the folder gives are compared with the vocabulary's own, on its golden documents and a
sample: by `transformers` where it is installed, else by `tokenizers`, else by reading the file back.
"""

import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.pipeline.export.given_vocabulary import VocabularyExport
from pairloom.pipeline.export.piece_model import proved_model
from pairloom.pipeline.store.location import open_objects

__all__ = ["FILES", "export_folder"]

FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "token_bytes.npy",
    "tokenizer.model",
    "README.md",
)
"""All that a folder may have."""

MOST_PROVED = 2000  # characters


def export_folder(asked: VocabularyExport, out: str) -> dict[str, Any]:
    """Write the folder `out`; returns what was written, by which the ids were proved, the roles.

    Raises RecipeError for what `VocabularyExport.check` refuses, and for a folder that has other files of these names,
    CorruptionError for a text that would get other ids.
    """
    asked.check()
    vocabulary = asked.vocabulary
    if not vocabulary.model.opened:
        raise RecipeError(
            f"`tokenizers` has no model {vocabulary.model.name!r}: no other library would open the folder; read the vocabulary's "
            "tokenizer.json by `Vocabulary.load`"
        )
    files, model = _files(asked), _piece_model(asked)
    if isinstance(model, bytes):
        files["tokenizer.model"] = model
    golden = GOLDEN if vocabulary.model.takes_text else ("0", "")
    texts = [*golden, *asked.sample]
    if vocabulary.model.piece_file is not None:  # see `_readme`: around special tokens, theirs are other ids
        texts = [text for text in texts if not any(token in text for token in vocabulary.special_tokens)]
    if (
        vocabulary.pretokenizer.scheme == "none"
    ):  # a text is one word, which others take a time for that grows faster than it
        texts = [text[:MOST_PROVED] for text in texts]
    prover = _prove(asked, files, texts)
    files["README.md"] = _readme(asked, prover, model).encode()
    objects = open_objects(out)
    for name, data in files.items():
        if not objects.put_if_absent(name, data) and objects.read(name) != data:
            raise RecipeError(f"{objects.uri(name)} is there with other content; choose another folder")
    return {
        "format": "tokenizer",
        "n_vocab": len(vocabulary),
        "vocabulary": vocabulary.fingerprint,
        "files": sorted(files),
        "roles": dict(asked.roles),
        "proved_by": prover,
        "proved_documents": len(texts),
        "proved_bytes": sum(len(text.encode()) for text in texts),
    }


def _piece_model(asked: VocabularyExport) -> bytes | str:
    """The `.model` that stands beside the vocabulary, or why there is none; nothing of families that have none."""
    model = asked.vocabulary.model
    if model.piece_file is not None:
        return model.piece_file
    if not model.as_pieces:
        return ""
    try:
        return proved_model(asked)[0]
    except RecipeError as error:
        return str(error)


def _files(asked: VocabularyExport) -> dict[str, bytes]:
    """The files that readers open."""
    vocabulary, roles = asked.vocabulary, asked.roles
    document = json.loads(vocabulary.to_json())
    if asked.prepend and document.get("post_processor") in (None, {}):
        document["post_processor"] = _template(vocabulary, asked.prepend)
    named = {f"{role}_token": token for role, token in roles.items()}
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": [INPUT_IDS, "attention_mask"],
        "added_tokens_decoder": {
            str(token["id"]): {key: value for key, value in token.items() if key != "id"}
            for token in document["added_tokens"]
        },
        **named,
    }
    if asked.max_length is not None:
        config["model_max_length"] = asked.max_length
    if asked.chat_template is not None:
        config["chat_template"] = asked.chat_template
    ids = {
        f"{role}_token_id": vocabulary.special_id(roles[role])
        for role in ("bos", "eos", "pad")
        if role in roles
    }
    files = {
        "tokenizer.json": json.dumps(document, ensure_ascii=False).encode(),
        "tokenizer_config.json": _json(config),
        "special_tokens_map.json": _json(named),
        "generation_config.json": _json(ids),
    }
    if vocabulary.model.spells:
        special = set(vocabulary.special_ids)
        lengths = [0 if i in special else len(token) for i, token in enumerate(vocabulary.tokens)]
        array = io.BytesIO()
        np.save(array, np.array(lengths, np.int32))
        files["token_bytes.npy"] = array.getvalue()
    return files


def _template(vocabulary: Vocabulary, prepend: Sequence[str]) -> dict[str, Any]:
    """What `tokenizers` needs to put tokens before a text, and before the first of a pair."""
    before = [{"SpecialToken": {"id": token, "type_id": 0}} for token in prepend]
    first, second = ({"Sequence": {"id": name, "type_id": kind}} for name, kind in (("A", 0), ("B", 1)))
    tokens = {
        token: {"id": token, "ids": [vocabulary.special_id(token)], "tokens": [token]}
        for token in dict.fromkeys(prepend)
    }
    return {
        "type": "TemplateProcessing",
        "single": [*before, first],
        "pair": [*before, first, second],
        "special_tokens": tokens,
    }


def _prove(asked: VocabularyExport, files: Mapping[str, bytes], texts: Sequence[str]) -> str:
    """Compare ids, with and without special tokens; returns what gave the other ones."""
    # Readers of such folders take special tokens in text for what they are.
    column = pa.array(texts, pa.large_string())
    vocabulary = asked.vocabulary
    ours = vocabulary.encode(column, special_tokens_in_text="parse").to_pylist()
    before = [vocabulary.special_id(token) for token in asked.prepend]
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        prover, encode = _reader(Path(folder), before)
        for text, ids in zip(texts, ours, strict=True):
            for special in (False, True):
                wanted = [*before, *ids] if special else ids
                if (found := encode(text, special)) != wanted:
                    raise CorruptionError(
                        f"nothing is written: {text[:80]!r} has the ids {wanted[:20]}, and {found[:20]} by {prover} from the "
                        "folder"
                    )
    return prover


def _reader(folder: Path, before: list[int]) -> tuple[str, Callable[[str, bool], list[int]]]:
    """What encodes by the folder, with special tokens or without: the best reader that is installed."""
    try:
        import transformers
    except ImportError:
        pass
    else:
        loaded = transformers.AutoTokenizer.from_pretrained(str(folder))
        return (
            f"transformers {transformers.__version__}",
            lambda text, special: loaded.encode(text, add_special_tokens=special, verbose=False),
        )
    try:
        import tokenizers
    except ImportError:
        read = Vocabulary.load(folder / "tokenizer.json")
        return "pairloom", lambda text, special: [
            *before * special,
            *read.encode_one(text, special_tokens_in_text="parse").tolist(),
        ]
    file = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return (
        f"tokenizers {tokenizers.__version__}",
        lambda text, special: list(file.encode(text, add_special_tokens=special).ids),
    )


def _readme(asked: VocabularyExport, prover: str, model: bytes | str) -> str:
    vocabulary = asked.vocabulary
    named = "\n".join(
        f"| {role} | `{token}` | {vocabulary.special_id(token)} |" for role, token in asked.roles.items()
    )
    put = (
        f"`add_special_tokens` puts {', '.join(f'`{token}`' for token in asked.prepend)} before a text."
        if asked.prepend
        else ""
    )
    script = ""
    if isinstance(model, str) and model:
        script = f"\nThere is no `tokenizer.model` here: {model}."
    if isinstance(model, bytes):
        script = """
What opens `tokenizer.model` itself (`sentencepiece`, slow tokenizers) gives the same ids but in texts that spell special tokens,
behind which it begins a text anew, with a space in front where the model has one."""
    if vocabulary.pretokenizer.scheme == "cl100k" and vocabulary.model.spells:
        script = "\ntransformers.js cuts text otherwise: JavaScript has no possessive quantifiers, as the pattern `cl100k` has.\n"
    what, lengths = f"Model {vocabulary.model.name}", ""
    if vocabulary.model.spells:
        what += f", pretokenizer {vocabulary.pretokenizer.scheme},\nnormalizer {vocabulary.normalizer}"
        lengths = """
`token_bytes.npy` has the bytes of text of each token (0 for special tokens): a loss in nats a token, summed, divided by the sum of
these and by ln 2, is bits per byte.
"""
    return f"""# A tokenizer of {len(vocabulary):,} tokens

Made by Pairloom{f" from {asked.origin}" if asked.origin else ""}. {what};
fingerprint `{vocabulary.fingerprint}`. Its ids were compared with Pairloom's by {prover}.

```python
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
```

It is a fast tokenizer, and there is no slow one: `use_fast=False` gives the same.{script}
{put}

| role | token | id |
|---|---|---|
{named}
{lengths}"""


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
