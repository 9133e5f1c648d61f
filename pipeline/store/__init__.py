"""What a commit rests on: objects, data files, receipts, manifests, and the readers that trust nothing else."""
