"""What statistics add to an answer: cited cut-offs, adjusted p values, versions."""
