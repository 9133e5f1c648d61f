"""What the site needs beside the pages of `docs/`: the first page, the changelog and those of `infra/`, which live elsewhere.

Links that leave `docs/` lead to these pages, and to nothing where they lead to source code, whose path is then shown. Beside
each page stands its plain text (`PAGE.md`); `llms.txt` lists them all, and `llms-full.txt` is all of them.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
TAKEN = {"README.md": "readme.md", "CHANGELOG.md": "changelog.md"} | {
    path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix().replace("README", "index")
    for path in (ROOT / "infra").rglob("*.md")
}
PLAIN: dict[str, tuple[str, str]] = {}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live elsewhere."""
    for path, name in TAKEN.items():
        files.append(File.generated(config, name, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(
    markdown: str,
    *,
    page: Page,
    config: MkDocsConfig,  # noqa: ARG001  (mkdocs calls a hook by these names)
    files: Files,  # noqa: ARG001
) -> str:
    """Point links at where the site has what they name."""
    places = {name: path for path, name in TAKEN.items()}
    here = places.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def link(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if "://" in target or target.startswith("#"):
            return found[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        name = TAKEN.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if name is None:
            return f"{label} (`{path}`)" if label != path else f"`{path}`"
        relative = posixpath.relpath(name, posixpath.dirname(page.file.src_uri) or ".")
        return f"[{label}]({relative}{'#' + anchor if anchor else ''})"

    plain = LINK.sub(link, markdown)
    PLAIN[page.file.src_uri] = (page.title or page.file.name, plain)
    return plain


def on_post_build(*, config: MkDocsConfig) -> None:
    """Write the plain text of every page, and the list of them."""
    site = Path(config.site_dir)
    for name, (_, text) in PLAIN.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    listed = "\n".join(f"- [{title}]({name})" for name, (title, _) in sorted(PLAIN.items()))
    (site / "llms.txt").write_text(
        f"# {config.site_name}\n\n> {config.site_description}\n\n{listed}\n", encoding="utf-8"
    )
    whole = "\n\n".join(text for _, (_, text) in sorted(PLAIN.items()))
    (site / "llms-full.txt").write_text(whole, encoding="utf-8")
