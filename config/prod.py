"""Production: reached over HTTPS through a gateway, on every address of its machine."""

BKLOG_BIND_HOST = "0.0.0.0"  # noqa: S104 the gateway, on another machine, must reach it
BKLOG_HTTPS = True
