"""A model's embeddings for another vocabulary, as files: shards of safetensors, read and written one at a time."""

from pairloom.pipeline.transplant.adapting import adapt, check_adaptable
from pairloom.pipeline.transplant.sources import Sources
from pairloom.pipeline.transplant.transplanting import transplant, write_rows

__all__ = ["Sources", "adapt", "check_adaptable", "transplant", "write_rows"]
