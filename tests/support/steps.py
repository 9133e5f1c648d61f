"""Functions for the document step `python`, in a module that workers can import, and steps that break the rules."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def upper(batch):
    """Documents in capitals; those that say "drop" are left out, and those that say "gone" are emptied."""
    kept = batch.drop(pc.match_substring(batch.content, "drop"), "says drop")
    text = pc.if_else(pc.match_substring(kept.content, "gone"), "", kept.content)
    return kept.with_content(pc.utf8_upper(text))


def english(batch):
    """Which documents are in English, and why the others are left out."""
    return pc.fill_null(pc.equal(batch.fields["lang"], "en"), False), "not English"


def even(batch):
    """Which documents have an id that ends with an even digit."""
    return pc.match_substring_regex(batch.id, "[02468]$"), "odd"


def mask(batch):
    """Which documents have a vowel."""
    return np.array([any(vowel in text for vowel in "aeiou") for text in batch.content.to_pylist()])


def listed(batch):
    """The same, as a list."""
    return mask(batch).tolist()


def raises(batch):
    """Fails for documents that say "bad", with a message that no two processes say alike."""
    for text in batch.content.to_pylist():
        if "bad" in text:
            raise ValueError(f"cannot take {text!r} by {object()!r}")
    return batch


def exits(batch):
    """Ends the process for documents that say "bad"."""
    if any("bad" in text for text in batch.content.to_pylist()):
        raise SystemExit(3)
    return batch


def drops_in_silence(batch):
    """Loses a document without a word."""
    return batch.filter([index > 0 for index in range(len(batch))])


def short_mask(batch):
    """A mask of one document too few."""
    return [True] * (len(batch) - 1)


def renames(batch):
    """Other ids."""
    from dataclasses import replace

    return replace(batch, id=pa.array([f"{one}!" for one in batch.id.to_pylist()], pa.large_string()))


def reorders(batch):
    """The documents backwards."""
    return batch.take(np.arange(len(batch))[::-1])


def nothing(batch):
    """Forgets to return the batch."""


def numbers(batch):
    """A number for each document."""
    return list(range(len(batch)))


def untrue_text(batch):
    """Text that is no UTF-8."""
    from dataclasses import replace

    bad = pa.array([b"\xff"] * len(batch), pa.large_binary())
    return replace(batch, content=bad.view(pa.large_string()))


anonymous = lambda batch: batch  # noqa: E731
