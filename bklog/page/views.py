"""GET / and the page's other routes: the shell, with a policy that lets nothing run or be fetched but the page's own files.

WhiteNoise (settings.py) serves these before a view is asked, packed and to be kept for ever; what it does not have comes here.
"""

from __future__ import annotations

import secrets
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_vite.core.asset_loader import DjangoViteAssetLoader
from django_vite.core.exceptions import DjangoViteAssetNotFoundError

from bklog.accounts.sessions import COOKIE
from bklog.errors import NotFound

# Log lines are hostile: even if one became markup, it could neither run, nor load, nor send anything.
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>BK-LOG</title></head>
<body><h1>The page is not built here</h1>
<p>The platform runs: its API, the command line and the senders work. A release wheel has the page in it; in a checkout,
install Node 20 or later and run <code>make up</code> again.</p></body></html>
"""
DjangoViteAssetLoader.instance()  # reads the manifest; two threads that were the first to ask would disturb each other


def shell(request: HttpRequest, **named: object) -> HttpResponse:
    """The same for every route: which one it is, and what its path names, the script sees."""
    del named
    nonce = secrets.token_urlsafe(16)
    # A page whose browser holds no session need not ask for one; whether it has ended, the API says.
    session = "1" if any(name.endswith(COOKIE) for name in request.COOKIES) else ""
    try:
        response = render(request, "shell.html", {"nonce": nonce, "session": session})
    except DjangoViteAssetNotFoundError:
        response = HttpResponse(NOT_BUILT, status=503)
    response["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"  # queries stand in its address
    return response


def no_file(request: HttpRequest, name: str) -> HttpResponse:
    raise NotFound(f"the page has no file {name}", hint="it was built anew: load the page again", code="no_path")
