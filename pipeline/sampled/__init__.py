"""Drawn vocabularies and surface forms, as files."""

from pairloom.pipeline.sampled.files import draw_steps, write_forms

__all__ = ["draw_steps", "write_forms"]
