"""Specifications of which documents are taken, and in which order."""
