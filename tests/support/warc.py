"""Web archives, as crawlers write them."""

import gzip
from collections.abc import Mapping, Sequence

PAGE = (
    "<html><head><title>Über Moore</title><script>var x = 1;</script></head><body><nav><a href=/>Start</a></nav>"
    "<article><h1>Über Moore</h1><p>"
    + "Ein Moor ist naß, und es wächst langsam, etwa einen Millimeter in jedem Jahr. " * 8
    + "</p></article></body></html>"
)


def record(
    kind: str, block: bytes, form: str, more: Mapping[str, str] | None = None, *, number: int = 1
) -> bytes:
    """A record of WARC; its number is in its id and address."""
    headers = {
        "WARC-Type": kind,
        "WARC-Target-URI": f"http://site.example/{number}",
        "WARC-Date": "2026-01-02T03:04:05Z",
        "WARC-Record-ID": f"<urn:uuid:00000000-0000-0000-0000-{number:012}>",
        "Content-Type": form,
        **(more or {}),
        "Content-Length": str(len(block)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"WARC/1.0\r\n" + head.encode() + b"\r\n" + block + b"\r\n\r\n"


def answer(body: bytes, form: str, more: Mapping[str, str] | None = None) -> bytes:
    """What a web server answers."""
    headers = {"Content-Type": form, **(more or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n" + body


def warc_file(records: Sequence[bytes], *, packed: bool = True) -> bytes:
    """Records as a file, each compressed by itself."""
    return b"".join(gzip.compress(one) if packed else one for one in records)
