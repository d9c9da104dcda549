"""Somebody who asks for rows that hold secrets, and what is asked for by every way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from tests.masking.shapes import CARD, DOCUMENTS, NAME, PHONE, PIN, TOKEN

NAMES = sorted({name for one in DOCUMENTS for name in one} | {"user.phone", "user.name", "fields", "log"})
QUERIES = [
    "*",
    "call",
    "NOT nothing",
    "card OR paid OR number",
    "/[a-z]+ [0-9]*/",
    "m?ss*",
    "status:[100 TO 300]",
    "host:web",
    "欧阳",
]
PROBED = (PHONE, NAME, CARD, PIN, TOKEN)


@dataclass
class Reader:
    """Somebody with a token, and the index set with the secrets."""

    index_set: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return Client().post(
            f"/api/v1/search/index_set/{self.index_set}/{path}", body, "application/json", headers=self.headers
        )

    def put(self, body: dict[str, Any]) -> Any:
        return Client().put(
            f"/api/v1/search/index_set/{self.index_set}/masking/", body, "application/json", headers=self.headers
        )

    def search(self, query: str, **asked: Any) -> Any:
        return self.post("search/", {"query": query, "start": "now-1d", **asked})

    def count(self, query: str) -> int:
        answer = self.search(query, count=True)
        assert answer.status_code == 200, answer.content
        return int(answer.json()["count"])
