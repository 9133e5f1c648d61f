"""Specifications of cutting text."""
