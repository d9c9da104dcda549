"""The web page as Django serves it: its shell, and the files that `web/` is built into."""
