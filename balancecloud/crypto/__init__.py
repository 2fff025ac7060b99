"""The sealed format of docs/format.md: keys, wrapped secrets, chunks, shards, names, spool parts.

Bytes in, bytes out. Nothing here reads a file, a clock, a setting or a database, and nothing logs.
"""
