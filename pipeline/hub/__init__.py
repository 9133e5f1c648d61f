"""The Hugging Face Hub: repositories at a commit, what their files are, and ranges of their bytes."""
