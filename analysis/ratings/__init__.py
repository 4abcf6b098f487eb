"""Who rated what, as arrays: frames, designs, id codes."""
