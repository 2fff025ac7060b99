"""One encrypted drive over the cloud accounts that people already have.

The rooms and the direction of imports are described in docs/architecture.md.
"""

__version__ = "0.1.0"
