"""Thrift's compact form ↔ values, as far as the footer of a Parquet file needs it: nothing is known of what fields mean.

A struct is a dict of field number → (type, value), a list is (type of its items, items), a number an int, text bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
DEPTH: Final = 32
Struct: TypeAlias = dict[int, tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Items:
    kind: int
    values: list[Any]


class Reader:
    """Raises ValueError for what is no compact Thrift; IndexError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._depth = 0

    def struct(self) -> Struct:
        self._depth += 1
        if self._depth > DEPTH:
            raise ValueError("the structure is nested too deep")
        fields: Struct = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 0x0F
            fields[number] = (kind, self._value(kind))
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        read = {
            BYTE: self._byte,
            **dict.fromkeys((I16, I32, I64), self._signed),
            DOUBLE: lambda: self._bytes(8),
            BINARY: lambda: self._bytes(self._unsigned()),
            **dict.fromkeys((LIST, SET), self._items),
            STRUCT: self.struct,
        }.get(kind)
        if read is None:
            raise ValueError(f"type {kind} has no place in a footer")
        return read()

    def _items(self) -> Items:
        head = self._byte()
        kind, count = head & 0x0F, head >> 4
        if count == 15:
            count = self._unsigned()
        if kind in (TRUE, FALSE):
            return Items(kind, [self._byte() for _ in range(count)])
        return Items(kind, [self._value(kind) for _ in range(count)])

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _bytes(self, count: int) -> bytes:
        value = self._data[self._at : self._at + count]
        if len(value) != count:
            raise IndexError("the text ends too early")
        self._at += count
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def write_struct(fields: Struct) -> bytes:
    out = bytearray()
    last = 0
    for number, (kind, value) in sorted(fields.items()):
        step = number - last
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _signed(number)
        out += b"" if kind in (TRUE, FALSE) else _write(kind, value)
        last = number
    return bytes(out) + b"\0"


def _write(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE, BYTE):
        return bytes([value])
    if kind in (LIST, SET):
        count = len(value.values)
        head = bytes([count << 4 | value.kind]) if count < 15 else bytes([0xF0 | value.kind]) + _unsigned(count)
        return head + b"".join(_write(value.kind, item) for item in value.values)
    write = _WRITE.get(kind)
    if write is None:
        raise ValueError(f"type {kind} has no place in a footer")
    return write(value)


def _signed(value: int) -> bytes:
    return _unsigned(value << 1 if value >= 0 else (-value << 1) - 1)


def _unsigned(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_WRITE: Final[dict[int, Callable[[Any], bytes]]] = {
    **dict.fromkeys((I16, I32, I64), _signed),
    DOUBLE: bytes,
    BINARY: lambda value: _unsigned(len(value)) + bytes(value),
    STRUCT: write_struct,
}
