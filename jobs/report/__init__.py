"""The report: a page that a team reads before it commits to a tokenizer."""
