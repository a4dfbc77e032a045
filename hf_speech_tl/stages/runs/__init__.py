"""What every run has, whatever it trains: a directory, a plan, a length, defaults, memory and processes."""
