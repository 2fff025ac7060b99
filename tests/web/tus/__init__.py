"""Resumable uploads: every MUST of tus 1.0.0, and what a hostile sender may try."""
