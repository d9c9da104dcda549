"""GET / and the page's other routes: the shell, with a policy that lets nothing run or be fetched but the page's own files.

GET /page/NAME: one of these files, packed, to be kept for ever.
"""

from __future__ import annotations

import secrets
from typing import Final

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bklog.accounts.sessions import COOKIE
from bklog.errors import NotFound
from bklog.page.built import Built, built
from bklog.page.paths import FILES

# Log lines are hostile: even if one became markup, it could neither run, nor load, nor send anything.
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
YEAR_SECONDS: Final = 365 * 24 * 3600
# The theme is chosen before anything is drawn, so that a dark page does not flash white.
SHELL: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>BK-LOG</title>
{icon}{preloads}{styles}<script nonce="{nonce}">
const theme = localStorage.getItem("bklog.theme"); if (theme) document.documentElement.dataset.theme = theme;
</script>
<script type="module" src="/{files}{script}" nonce="{nonce}"></script>
</head>
<body><div id="app" data-nonce="{nonce}" data-session="{session}"></div>
<noscript>BK-LOG's page needs JavaScript; docs/cli.md is about the command line.</noscript></body>
</html>
"""
NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>BK-LOG</title></head>
<body><h1>The page is not built here</h1>
<p>The platform runs: its API, the command line and the senders work. A release wheel has the page in it; in a checkout,
install Node 20 or later and run <code>make up</code> again.</p></body></html>
"""


def shell(request: HttpRequest, **named: object) -> HttpResponse:
    """The same for every route: which one it is, and what its path names, the script sees."""
    del named
    page, nonce = built(), secrets.token_urlsafe(16)
    # A page whose browser holds no session need not ask for one; whether it has ended, the API says.
    session = "1" if any(name.endswith(COOKIE) for name in request.COOKIES) else ""
    response = HttpResponse(_html(page, nonce, session) if page else NOT_BUILT, status=200 if page else 503)
    response["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"  # queries stand in its address
    return response


def _html(page: Built, nonce: str, session: str) -> SafeString:
    preloads = format_html_join("", '<link rel="modulepreload" href="/{}{}">\n', ((FILES, name) for name in page.preloads))
    styles = format_html_join("", '<link rel="stylesheet" href="/{}{}">\n', ((FILES, name) for name in page.styles))
    icon = format_html('<link rel="icon" href="/{}{}">\n', FILES, page.icon) if page.icon else ""
    names = {"files": FILES, "script": page.script}
    return format_html(SHELL, icon=icon, preloads=preloads, styles=styles, nonce=nonce, session=session, **names)


def file(request: HttpRequest, name: str) -> HttpResponseBase:
    page = built()
    found = page.files.get(name) if page else None
    if found is None:
        raise NotFound(f"the page has no file {name}", hint="it was built anew: load the page again", code="no_path")
    coding, path = found.chosen(request.headers.get("Accept-Encoding", ""))
    response = FileResponse(path.open("rb"), content_type=found.content_type)
    if coding:
        response["Content-Encoding"] = coding
    response["Content-Disposition"] = "inline"
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response
