"""Learning byte pairs: words laid out as symbols, the table and the heap of pairs, the merge loop, limits on merges."""
