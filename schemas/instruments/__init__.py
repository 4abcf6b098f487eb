"""The shipped codebooks, one TOML file each."""
