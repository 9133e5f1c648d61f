"""statistics: exact tables about the corpus, from its token shards."""
