"""near: documents that are nearly the same, of which one is kept."""
