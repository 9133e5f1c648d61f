"""What to run, in which order, and how it becomes visible."""

if __name__ != "pairloom.pipeline":
    raise ImportError("import this package as pairloom.pipeline (install the project with `pip install -e .`)")
