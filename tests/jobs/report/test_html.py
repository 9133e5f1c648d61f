"""What a page shows of text that cannot be seen or would be taken for markup."""

from pairloom.jobs.report.html import shown, spans
from pairloom.jobs.report.tables import share, table


def test_what_cannot_be_seen_is_made_visible() -> None:
    assert shown("<a href='x'>") == "&lt;a href=&#x27;x&#x27;&gt;"
    assert shown("\x07\u200b\ud800") == "\u2407\\u200b\ufffd"
    assert "<script>" not in spans([("<script>", 1), ("\n", 2)])
    assert table([], {"a": "a"}) == ""
    assert "12.5%" in table([{"a": 0.125}], {"a": ("share", share)})
