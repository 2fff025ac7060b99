"""OAuth 2.0 as both providers speak it: consent, codes, tokens, refreshing and revoking."""
