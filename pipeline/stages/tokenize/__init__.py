"""tokenize: text to token shards."""
