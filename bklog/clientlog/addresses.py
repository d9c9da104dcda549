"""Host of a task's URL -> the address to connect to. Whoever submits a task must not reach into our network with it.

The address that was checked is the one that is connected to: a name that changes between the two gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from bklog.errors import Forbidden, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
CARRIES_IPV4: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"), ipaddress.ip_network("::/96"))
HINT: Final = "an operator may allow the host: BKLOG_CLIENTLOG_ALLOWED_HOSTS"


def resolve(host: str, port: int) -> list[str]:
    """Raises Unavailable: a name that is not known now may be known later."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        message = f"the host {host} is not known: {error}"
        raise Unavailable(message, hint="check the URL", retry_after_seconds=30, code="host_unknown") from error
    return [str(address[0]) for *_, address in found]


def safe_address(host: str, port: int, *, allowed: tuple[str, ...], ask: Resolve = resolve) -> str:
    """Raises Forbidden (`address_denied`) unless each of its addresses is a public one, or the host is allowed."""
    addresses = ask(host, port)
    if not is_allowed(host, port, allowed):
        for text in addresses:
            if not is_public(ipaddress.ip_address(text.partition("%")[0])):
                raise Forbidden(f"the host {host} is not a public one: {text}", hint=HINT, code="address_denied")
    return addresses[0]


def is_allowed(host: str, port: int, allowed: tuple[str, ...]) -> bool:
    """An entry is a host, or host:port where only that port is meant."""
    name = host.lower().rstrip(".")
    return any(entry.strip().lower() in {name, f"{name}:{port}", f"[{name}]:{port}"} for entry in allowed)


def is_public(address: Address) -> bool:
    """Loopback, private, link-local, shared, reserved and multicast ones are not; nor is an IPv6 one that stands for such."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in CARRIES_IPV4) or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
