"""What schedulers share: rules and measures of a plan, drafting a problem, decoding an order."""
