"""What a run would take on a stated cluster."""
