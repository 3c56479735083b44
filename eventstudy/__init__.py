"""Financial event studies: what an announcement did to prices and volatility."""
