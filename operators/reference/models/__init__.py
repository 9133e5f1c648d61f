"""Specifications of tokenizer families."""
