"""select: which documents there are to take, and how often each is taken."""
