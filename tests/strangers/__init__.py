"""Other people's clients, unmodified, at work on the simulator: the evidence that it is faithful.

Each is led here by its own means of configuration, an address, a proxy or an authority to trust,
and each fails without that authority. Nothing of BalanceCloud takes part.
"""
