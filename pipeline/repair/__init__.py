"""Making what a generation has lost anew, from what is there, and proving it by the generation's checksums."""
