"""The schema: models and migrations agree."""
