"""The step that keeps difficult examples of every kind, by scores that are given."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["Cdas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdas(DocumentStep):
    """Keeps, of each cluster of documents, the `share` with the highest IFD below 1.

    `scores` is a path, a glob or a URI of Parquet, Arrow, JSON Lines or CSV with a row for each document: its id in `column`, in
    `ifd` the perplexity of its answer with its question by that without, and in `embedding` a list of numbers, from which
    `clusters` are made by k-means. What is kept depends on all rows of `scores` and on nothing else, neither on shards nor on
    workers. Of equal scores those with lower document numbers are kept. Documents without scores are left out. Each process
    holds the embeddings while it finds what is kept, eight bytes a number.
    """

    name = "cdas"
    source = "CodeACT: Lv et al., 2024, arXiv:2408.02193"

    scores: str
    column: str = "id"
    ifd: str = "ifd"
    embedding: str = "embedding"
    clusters: int = 10
    share: float = 0.4
    seed: int = 42

    def __post_init__(self) -> None:
        for key in ("scores", "column", "ifd", "embedding"):
            if not getattr(self, key):
                raise ValueError(f"{key} must not be empty")
        if self.clusters < 1:
            raise ValueError(f"clusters must be positive, got {self.clusters}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share:g}")
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed must be from 0 to 2^63 - 1, got {self.seed}")

    @property
    def reads_ids(self) -> bool:
        """Scores are of ids."""
        return True

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The scores and the embeddings."""
        return (
            Wanted(self.scores, self.column, self.ifd),
            Wanted(self.scores, self.column, self.embedding, vectors=True),
        )

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows what is kept."""
        from pairloom.operators.documents._chosen import chosen_by

        return chosen_by(self, *lists)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without scores: see `with_lists`."""
        raise TypeError("cdas was called without its scores: this is a bug")
