"""exchange: each document of a token shard to its split and partition."""
