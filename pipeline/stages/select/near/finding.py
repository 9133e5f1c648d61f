"""Finding near-duplicates among all documents of a corpus, step by step.

    shard ─▶ sign ─▶ keys, a batch for each band and range of keys
    band and range of keys ─▶ band ─▶ pairs of documents ─▶ (fetch, compare) ─▶ join, answer, join, … ─▶ each with the least
    range of the corpus ─▶ (offer, decide) ─▶ select: what is left out, and for which

Signatures stay, so that a shard that has not changed is never signed again; everything else is scratch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pairloom.operators.encode import tokenizer_of
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.recipe.near import Near
from pairloom.pipeline.stages.agreement import check_surveyed
from pairloom.pipeline.stages.select import cost
from pairloom.pipeline.stages.select.choices import null_of
from pairloom.pipeline.stages.select.near.banding import BandTask, SharedKeys
from pairloom.pipeline.stages.select.near.comparing import CompareTask, FetchTask, SharedTexts
from pairloom.pipeline.stages.select.near.cost import key_splits
from pairloom.pipeline.stages.select.near.joining import AnswerTask, JoinTask
from pairloom.pipeline.stages.select.near.places import Ranges
from pairloom.pipeline.stages.select.near.settling import DecideTask, OfferTask, SettleTask, SharedPairs
from pairloom.pipeline.stages.select.near.signing import SignTask
from pairloom.pipeline.stages.tokenize.carried import carried_columns
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.receipts import Receipt, committed_receipts

__all__ = ["find_near", "sign"]


def sign(job: Job, near: Near, shards: Sequence[PlacedShard]) -> list[Receipt]:
    """Sign every shard that has not been signed yet."""
    recipe, tokenized, vocabulary = job.plan.recipe, job.records["tokenize"], job.vocabulary()
    receipts = committed_receipts(job.objects, "tokenize", tokenized.units, job.tokenized)
    tasks = [
        SignTask(
            root=recipe.root,
            shard=shard,
            share=recipe.pack.validation,
            near=near,
            vocabulary=vocabulary.fingerprint,
            splits=key_splits(tokenized.ledger.documents_out, cost.PARTITION_DOCUMENTS),
            null=None if near.by is None else null_of(recipe, near.by),
        )
        for shard in shards
    ]
    shared = tokenizer_of(vocabulary), carried_columns(recipe, receipts)
    signed = job.step("sign", tasks, shared=shared, sizes=[shard.stored.bytes for shard in shards])
    check_surveyed(tokenized, signed, near.keys)
    return signed


def find_near(
    job: Job, near: Near, shards: Sequence[PlacedShard], signed: Sequence[Receipt], span: int
) -> list[Receipt]:
    """The receipts of what is left out, a range of the corpus each."""
    ledger = job.records["tokenize"].ledger
    finding = _Finding(
        job=job,
        near=near,
        shards=tuple(shards),
        signed=tuple(receipt.file("signed") for receipt in signed),
        ranges=Ranges(
            records=ledger.documents_in, parts=max(1, -(-ledger.documents_out // cost.PARTITION_DOCUMENTS))
        ),
    )
    pairs = finding.paired([receipt.file("keys") for receipt in signed], ledger.documents_out)
    return finding.settled(finding.joined(pairs), span)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What all steps need to know."""

    job: Job
    near: Near
    shards: tuple[PlacedShard, ...]
    signed: tuple[StoredFile, ...]
    ranges: Ranges

    def paired(self, keys: Sequence[StoredFile], documents: int) -> tuple[StoredFile, ...]:
        """The files of the pairs that bands make, of those that share enough if that is asked for."""
        splits = key_splits(documents, cost.PARTITION_DOCUMENTS)
        shared = SharedKeys(files=tuple(keys), first=tuple(shard.first_record for shard in self.shards))
        parts, compared = self.near.keys * splits, self.near.verify is not None
        tasks = [
            BandTask(
                root=self.root,
                part=part,
                keys=fingerprint([[file.sha256 for file in keys], shared.first]),
                ranges=self.ranges,
                compared=compared,
                expected=documents // splits,
            )
            for part in range(parts)
        ]
        found = self.job.step("band", tasks, shared=shared, sizes=_sizes(keys, parts))
        self.job.scratch += found
        pairs = tuple(receipt.file("pairs") for receipt in found)
        return self._compared(pairs, found) if compared else pairs

    def _compared(self, pairs: tuple[StoredFile, ...], found: Sequence[Receipt]) -> tuple[StoredFile, ...]:
        wanted = tuple(receipt.file("wanted") for receipt in found)
        shared = SharedTexts(
            pairs=wanted, fetched=(), shards=self.shards, tokenizer=tokenizer_of(self.job.vocabulary())
        )
        tokens = fingerprint([shard.identity(placed=True) for shard in self.shards])
        sizes = _sizes([shard.stored for shard in self.shards], self.ranges.parts)

        def about(part: int, files: Sequence[StoredFile]) -> dict[str, Any]:
            return {
                "root": self.root,
                "part": part,
                "pairs": _print(files),
                "tokens": tokens,
                "ranges": self.ranges,
                "near": self.near,
                "size": sizes[part],
            }

        fetching = [FetchTask(**about(part, wanted)) for part in self.every]
        fetched = self.job.step("fetch", fetching, shared=shared, sizes=sizes)
        shared = replace(shared, pairs=pairs, fetched=tuple(one.file("shingles") for one in fetched))
        comparing = [CompareTask(**about(part, (*pairs, *shared.fetched))) for part in self.every]
        compared = self.job.step("compare", comparing, shared=shared, sizes=sizes)
        self.job.scratch += [*fetched, *compared]
        return tuple(receipt.file("pairs") for receipt in compared)

    def joined(self, pairs: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
        """The files of pairs of every document and the least that it hangs together with, each in its range."""
        while True:
            sizes = _sizes(pairs, self.ranges.parts)
            shown = _print(pairs)
            joining = [
                JoinTask(root=self.root, part=part, pairs=shown, ranges=self.ranges, size=sizes[part])
                for part in self.every
            ]
            joined = self.job.step("join", joining, shared=pairs, sizes=sizes)
            self.job.scratch += joined
            pairs = tuple(receipt.file("pairs") for receipt in joined)
            asked = tuple(receipt.file("asked") for receipt in joined)
            sent, asks = (sum(receipt.facts[name] for receipt in joined) for name in ("sent", "asked"))
            if not asks and not sent:
                return pairs
            sizes, shown = _sizes((*pairs, *asked), self.ranges.parts), _print((*pairs, *asked))
            answering = [
                AnswerTask(root=self.root, part=part, pairs=shown, ranges=self.ranges, size=sizes[part])
                for part in self.every
            ]
            answered = self.job.step("answer", answering, shared=(pairs, asked), sizes=sizes)
            self.job.scratch += answered
            if not sent and not any(receipt.facts["answered"] for receipt in answered):
                return pairs
            pairs += tuple(receipt.file("pairs") for receipt in answered)

    def settled(self, pairs: tuple[StoredFile, ...], span: int) -> list[Receipt]:
        """What is left out of each range, by the rule that says which is kept."""
        shared = SharedPairs(pairs=pairs, shards=self.shards, signed=self.signed)
        places = [shard.identity(placed=True) for shard in self.shards]
        sizes = _sizes(pairs, self.ranges.parts)
        documents = self.job.records["tokenize"].ledger.documents_out // self.ranges.parts

        def about(part: int, said: Sequence[StoredFile]) -> dict[str, Any]:
            shown = fingerprint([_print((*pairs, *self.signed, *said)), places])
            return {
                "root": self.root,
                "part": part,
                "files": shown,
                "ranges": self.ranges,
                "expected": documents,
                "size": sizes[part],
            }

        ranked = self.near.keep != "first"
        if ranked:
            offering = [OfferTask(**about(part, ())) for part in self.every]
            offered = self.job.step("offer", offering, shared=shared, sizes=sizes)
            shared = replace(shared, said=tuple(receipt.file("offers") for receipt in offered))
            deciding = [DecideTask(**about(part, shared.said)) for part in self.every]
            decided = self.job.step("decide", deciding, shared=shared, sizes=sizes)
            shared = replace(shared, said=tuple(receipt.file("kept") for receipt in decided))
            self.job.scratch += [*offered, *decided]
        ends = {shard.source: shard.end_record for shard in self.shards}
        settling = [
            SettleTask(**about(part, shared.said), sources=tuple(ends.items()), span=span, ranked=ranked)
            for part in self.every
        ]
        return self.job.step("select", settling, shared=shared, sizes=sizes)

    @property
    def root(self) -> str:
        """Where everything is."""
        return self.job.plan.recipe.root

    @property
    def every(self) -> range:
        """The ranges."""
        return range(self.ranges.parts)


def _print(files: Sequence[StoredFile]) -> str:
    return fingerprint([file.sha256 for file in files])


def _sizes(files: Sequence[StoredFile], parts: int) -> list[int]:
    """The bytes of each of so many parts of files, about."""
    return [sum(file.bytes for file in files) // parts] * parts
