"""One file per provider behind one port.

Knows no files, users, keys or rows.
"""
