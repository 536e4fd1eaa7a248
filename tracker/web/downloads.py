"""What a browser saves and never shows: the headers of attachments."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

OCTETS = "application/octet-stream"
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_RUNS = re.compile(r"html|svg|xml|script|x-mixed|pdf-portfolio|shockwave")


def attachment(name: str) -> dict[str, str]:
    """Return the headers of an answer that is saved under `name`, as RFC 6266 and RFC 5987 write it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()\[\]+-]", "_", plain).strip(". ") or "file"
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    }


def strangers(name: str) -> dict[str, str]:
    """Return the headers of an attachment that somebody brought: it is what it says, and runs nothing."""
    return {
        **attachment(name),
        "Content-Security-Policy": SANDBOX,
        "X-Content-Type-Options": "nosniff",
    }


def safe_type(media_type: str) -> str:
    """Return a media type as it was sent, or that of mere bytes for one that is none or that browsers run."""
    media_type = media_type.strip().lower()
    return media_type if _PLAIN.fullmatch(media_type) and not _RUNS.search(media_type) else OCTETS
