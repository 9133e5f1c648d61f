"""What people and machines read of a run, on a terminal or in a log."""
