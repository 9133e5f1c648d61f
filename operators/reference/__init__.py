"""The specifications: each kernel's slow, obvious twin in plain Python, which tests hold it equal to."""
