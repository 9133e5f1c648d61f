"""learn: merged word counts to a vocabulary."""
