"""Proofs about what is committed: that it is whole, agrees with itself, and is what the sources say."""
