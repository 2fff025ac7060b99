"""The command line: starts, migrates, keeps and restores.

It may build the application; it holds no rule of its own.
"""
