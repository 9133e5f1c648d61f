"""Specifications of packing."""
