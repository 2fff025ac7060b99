"""The interface for tests: look behind the providers' backs, and act there."""
