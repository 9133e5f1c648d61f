"""pack: the documents of a partition to rows."""
