"""Text that means more than it says: markdown and code. What people wrote is kept; HTML is made when it is shown."""

from __future__ import annotations

from functools import cache
from typing import Any

from markupsafe import Markup
from marshmallow import fields

from tracker.fields.base import CANONICAL, Control, TextDialect
from tracker.fields.options import OneOf
from tracker.fields.text import Text, lines_of
from tracker.i18n import PLAIN, Reader, _

_TAGS = frozenset(
    "p br hr a em strong s code pre blockquote ul ol li h3 h4 h5 h6 table thead tbody tr th td".split()
)
_LONGEST_SHOWN = 50_000


class Markdown(Text):
    """Paragraphs with headings, lists, links and emphasis, written as Markdown (CommonMark, tables, ~~struck~~)."""

    name = "markdown"
    label = _("Text with formatting")
    about = _("Longer text with headings, lists and links, written as Markdown.")
    icon = "markdown"
    sortable = False
    long = True
    block = True
    limit = _LONGEST_SHOWN
    good = ("**Bold** and [a link](https://example.org)", "# Plan\n\n- one\n- two", "    code\n\ntext", None)
    bad = {7: "type", "x" * 50_001: "length", "a\x00b": "character"}

    def judge_text(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        return self.judge(text)

    def tidy(self, text: str) -> str:
        return untrimmed(text)

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return Markup('<div class="tk-md" dir="auto">{}</div>').format(rendered(value))

    def search_text(self, value: str) -> str:
        return rendered(value).striptags()

    def control(self) -> Control:
        return Control("area", {"rows": 8})


@cache
def _maker() -> Any:
    from markdown_it import MarkdownIt  # takes a moment to load, and few pages need it

    # Raw HTML stays text, and pictures stay links: one would tell a stranger who reads.
    options = {"html": False, "linkify": False, "breaks": True, "maxNesting": 20}
    return MarkdownIt("js-default", options).disable("image")


def rendered(text: str) -> Markup:
    """Return the HTML of a Markdown text: cleaned, headings from the third level on, links that vouch for nothing."""
    import nh3

    maker = _maker()
    tokens = maker.parse(text[:_LONGEST_SHOWN])
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    html = maker.renderer.render(tokens, maker.options, {})
    return Markup(  # noqa: S704 - cleaned right here
        nh3.clean(
            html,
            tags=set(_TAGS),
            attributes={"a": {"href", "title"}, "ol": {"start"}},
            url_schemes={"http", "https", "mailto", "tel"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def untrimmed(text: str) -> str:
    """Return a text of several lines without empty ones around it, the first keeping its white space in front."""
    kept = lines_of(f"|{text}|")[1:-1].rstrip()
    first = len(kept) - len(kept.lstrip())
    return kept[kept.rfind("\n", 0, first) + 1 :]


LANGUAGES = tuple(
    "text bash c c++ c# css diff go html ini java javascript json kotlin latex lua markdown php python r ruby rust"
    " sql swift toml typescript xml yaml".split()
)


class Code(Text):
    """A piece of code or a configuration, kept with its white space and shown as it stands."""

    name = "code"
    label = _("Code")
    about = _("A script, a query or a configuration, kept with its indentation.")
    icon = "source-code"
    sortable = False
    long = True
    block = True
    limit = 100_000
    good = ("SELECT 1", "    indented\n\tand tabbed", "if x:\n    y = 'a  b'", None)
    bad = {7: "type", "x" * 100_001: "length", "a\x00b": "character"}

    class Options(Text.Options):
        """How long it may be, and in which language it is written."""

        language = fields.String(load_default="text", validate=OneOf(LANGUAGES))

    def judge_text(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        return self.judge(text)

    def tidy(self, text: str) -> str:
        return untrimmed(text)

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return Markup(
            '<pre class="tk-code" dir="ltr" tabindex="0" data-language="{}"><code>{}</code></pre>'
        ).format("" if self.options.language == "text" else self.options.language, value)

    def control(self) -> Control:
        return Control("code", {"rows": 8})
