"""Resumable uploads over real HTTP, with gunicorn as the house runs it."""
