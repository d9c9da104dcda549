"""Blocks: searches that an operator refuses, because they hurt all others."""
