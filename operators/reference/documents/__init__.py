"""Specifications of what document steps look at."""
