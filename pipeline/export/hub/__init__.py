"""Exports on the Hugging Face Hub: their files, a card, and metadata, visible by one commit."""
