"""Access tokens without a provider behind them."""

from balancecloud.errors import SignInAgain


class FixedTokens:
    """Hands out these tokens one after another; when all were refused the grant is dead."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens or ("token-1",))
        self.refusals = 0

    def current(self) -> str:
        return self._tokens[0]

    def refused(self, token: str) -> str:
        self.refusals += 1
        if len(self._tokens) == 1:
            raise SignInAgain
        if self._tokens[0] == token:
            self._tokens.pop(0)
        return self._tokens[0]
