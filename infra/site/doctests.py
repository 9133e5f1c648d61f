"""The examples of docstrings as blocks of code: an extension of griffe, which reads the docstrings for the site."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!\s*$).*\n?)*)", re.MULTILINE)


class Doctests(Extension):
    """Every run of lines from a `>>>` to an empty line is put between fences."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Change the docstring of one function, class or module."""
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            text = obj.docstring.value
            obj.docstring.value = EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)
