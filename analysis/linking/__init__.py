"""From codes to findings: the frame and its row ledger, lags, within and between, series."""
