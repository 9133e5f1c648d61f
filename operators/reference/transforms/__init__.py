"""Twins of token steps, in plain Python."""
