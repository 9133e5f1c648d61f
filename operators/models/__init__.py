"""Tokenizer families: how text becomes tokens, and how such a model is learned."""
