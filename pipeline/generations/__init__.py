"""From one generation of a root to the next: what has changed, and whether the vocabulary still fits."""
