"""Specifications of what is done to text."""
