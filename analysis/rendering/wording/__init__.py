"""The catalogue of notes, one module by room: kind of note → sentence."""
