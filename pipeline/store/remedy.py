"""What mends a root in which something is lost."""

from pairloom.pipeline.store.objects import Objects

__all__ = ["remedy"]


def remedy(objects: Objects, generation: int | None = None) -> str:
    """What makes a committed file again, for messages."""
    which = "" if generation is None else f" --generation {generation}"
    root = objects.root.removeprefix("file://")
    return f"`pairloom repair {root}{which}` makes it again from what is there"
