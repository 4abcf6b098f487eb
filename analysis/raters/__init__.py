"""What reliability stands on: rating designs, the ICC of each, agreement beyond chance, dyads, differences."""
