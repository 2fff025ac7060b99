"""Speaks RQ: turns a ring into a call of storage or library.

It decides nothing and may run twice.
"""
