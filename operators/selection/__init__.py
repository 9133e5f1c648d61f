"""Which documents are taken, how often, and in which order."""
