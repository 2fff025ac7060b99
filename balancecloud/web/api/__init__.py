"""The interface for programs, /api: JSON in, JSON out, bearer tokens (docs/api.md).

It calls the same functions of library and identity as the pages do.
"""
