"""merkle: one hash of all tokens, by which any document can be proved to be among them."""
