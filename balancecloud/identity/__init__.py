"""Who people are: users, passwords, sessions, tokens, audit.

Knows nothing of files.
"""
