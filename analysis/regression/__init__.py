"""What moderated regression stands on: design matrices, simple slopes, regions, group differences."""
