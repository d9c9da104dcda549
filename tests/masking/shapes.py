"""Rows that hold secrets in every shape in which a log has them, and how an answer is searched for them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

RULES: Final[list[dict[str, Any]]] = [
    {"field": "user.phone", "operator": "shield", "head": 3, "tail": 2},
    {"field": "user.name", "operator": "replace", "text": "某人"},
    {"field": "card", "operator": "shield"},
    {"field": "pin", "operator": "replace", "text": "<pin>"},
    {"field": "orders.iban", "operator": "shield", "head": 2},
    {"field": "note", "pattern": "room [0-9]+", "operator": "replace", "text": "a room"},
    {"pattern": r"(token=)[A-Za-z0-9]+", "operator": "replace", "text": r"\1<hidden>"},
    {"pattern": r"[a-z.]+@[a-z]+\.[a-z]+", "operator": "shield", "head": 1},
]
PHONE, NUMBER, ARRAY, NAME, QUOTED = "13812345678", "15987654321", "18800001111", "欧阳娜娜", 'Q"x\\y/z'
CARD, PIN, IBAN, ROOM = "4111111111111111", "739", "DE89370400440532013000", "room 4471"
TOKEN, MAIL = "s3cr3tT0k3n", "jane.roe@example"
DEEP, FLOAT, DOTTED = "深藏不露的秘密", "98765.25", "17711112222"
SECRETS: Final = (PHONE, NUMBER, ARRAY, NAME, QUOTED, CARD, PIN, IBAN, ROOM, TOKEN, MAIL, DEEP, FLOAT, DOTTED)

DOCUMENTS: Final[list[dict[str, Any]]] = [
    {"user": {"phone": PHONE, "name": NAME}, "message": f"call {PHONE} of {NAME} now", "status": 200},
    {"user": {"phone": int(NUMBER)}, "again": int(NUMBER), "text": f"number {NUMBER}"},
    {"user": {"phone": [ARRAY, {"home": ARRAY, "more": [[ARRAY]]}]}, "copies": [f"x{ARRAY}y", {"z": ARRAY}]},
    {"user": {"name": QUOTED}, "message": f"said {QUOTED} twice: {QUOTED}"},
    {"user": [{"phone": PHONE, "name": NAME}, [{"phone": ARRAY}]], "message": "nested in arrays"},
    {"user": {"phone": {"deep": {"deeper": DEEP}}}, "message": f"found {DEEP}"},
    {"card": int(CARD), "text": f"card {CARD} was declined"},
    {"card": float(FLOAT), "text": f"card {FLOAT}"},
    {"pin": int(PIN), "text": f"pin {PIN} entered"},
    {"pin": PIN, "flag": True, "text": "as text"},
    {"orders": [{"iban": IBAN, "sum": 5}, {"iban": IBAN, "sum": 6}], "message": f"paid to {IBAN}"},
    {"note": f"meet in {ROOM} at 9", "message": f"they meet in {ROOM} at 9"[:9]},
    {"url": f"/login?token={TOKEN}&x=1", "mail": f"from {MAIL}.com"},
    {f"{MAIL}.com": "as a name"},
    {"inner": json.dumps({"url": f"/?token={TOKEN}", "mail": f"{MAIL}.com"})},
]
SPELLINGS: Final = [
    json.dumps({"user.phone": DOTTED, "message": f"a name with a dot: {DOTTED}"}),
    json.dumps({"user": {"phone": PHONE}}, indent=None, separators=(" , ", " : ")),
    '{"card": 98765.250, "text": "another spelling"}',
    '{"card": 9.876525e4}',
    json.dumps({"log": json.dumps({"user": PHONE}), "user": {"phone": PHONE}}),
]
PLAIN: Final = [
    f"token={TOKEN} from {MAIL}.com",
    f"登录 token={TOKEN}，邮箱 {MAIL}.com 成功",
    "a line without any secret",
    f'say "token={TOKEN}" \\ done',
]
LINES: Final = [
    *(json.dumps(one) for one in DOCUMENTS),
    *(json.dumps(one, ensure_ascii=False) for one in DOCUMENTS),
    *SPELLINGS,
    *PLAIN,
]
_ESCAPE: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")
_TOOK: Final = re.compile(r'"took": ?[0-9]+')  # by chance as many milliseconds as a secret of three digits
_MARKS: Final = re.compile(r'[\\"]')


def found_in(body: bytes) -> list[str]:
    """The secrets that an answer tells, read as it is, as its JSON means it, and with every escape undone."""
    text = _TOOK.sub("", body.decode())
    readings = [text, _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)]
    readings += [_MARKS.sub("", one) for one in readings]
    numbers = set(re.findall(r"[0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?", text))
    worth = {float(one) for one in numbers if len(one) < 100}
    wanted = {secret: {secret, _MARKS.sub("", secret)} for secret in SECRETS}
    told = [secret for secret, forms in wanted.items() if any(_stands_in(form, one) for form in forms for one in readings)]
    told += [secret for secret in (NUMBER, CARD, FLOAT) if float(secret) in worth]
    return sorted(set(told))


def _stands_in(secret: str, text: str) -> bool:
    """A short one as a whole word: three digits stand in identities, times and milliseconds by chance."""
    if len(secret) > 4 or not secret.isdigit():
        return secret in text
    return re.search(rf"(?<![0-9A-Za-z.-]){secret}(?![0-9A-Za-z.-])", text) is not None
