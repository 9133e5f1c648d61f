"""Twins of row steps, in plain Python."""
