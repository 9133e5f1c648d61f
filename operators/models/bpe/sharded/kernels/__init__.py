"""Learning in rounds: merges on trial in a partition, and the coordinator's walk down from the best pair."""
