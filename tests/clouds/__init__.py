"""The provider port, its one suite, and everything in balancecloud/clouds."""
