"""What is in Redis and may vanish: doorbell and progress.

Holds ids and numbers, never names or secrets.
"""
