"""Raw text in, an exact vocabulary and a packed Arrow dataset out."""

if __name__ != "pairloom":
    raise ImportError("import this package as pairloom (install the project with `pip install -e .`)")

__all__ = ["__version__"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("pairloom")
    raise AttributeError(f"module 'pairloom' has no attribute {name!r}")
