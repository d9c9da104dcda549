"""Values that several packages speak of: frozen, checked when made, no I/O."""

from bklog.records.address import StoreAddress
from bklog.records.bearer import EVERY_SPACE, Bearer, Permission, Role
from bklog.records.bucket import BucketAddress
from bklog.records.columns import COLUMNS, IDENTITY, Column
from bklog.records.moment import iso
from bklog.records.names import CLIENT, MAIN_STORE, PLATFORM, REJECTS
from bklog.records.outcome import Stored
from bklog.records.statement import Limits, Rows, Statement
from bklog.records.timerange import TimeRange, to_nanoseconds
from bklog.records.token import new_token, token_hash
from bklog.records.writing import Compression, Form, Writing, file_suffix

__all__ = [
    "CLIENT",
    "COLUMNS",
    "EVERY_SPACE",
    "IDENTITY",
    "MAIN_STORE",
    "PLATFORM",
    "REJECTS",
    "Bearer",
    "BucketAddress",
    "Column",
    "Compression",
    "Form",
    "Limits",
    "Permission",
    "Role",
    "Rows",
    "Statement",
    "StoreAddress",
    "Stored",
    "TimeRange",
    "Writing",
    "file_suffix",
    "iso",
    "new_token",
    "to_nanoseconds",
    "token_hash",
]
