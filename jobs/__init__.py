"""What people touch: the command line, recipes and reports."""

if __name__ != "pairloom.jobs":
    raise ImportError("import this package as pairloom.jobs (install the project with `pip install -e .`)")
