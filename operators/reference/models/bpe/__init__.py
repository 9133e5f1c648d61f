"""Specifications of byte-pair encoding."""
