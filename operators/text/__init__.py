"""Text as Arrow columns: views, Unicode normalization, pretokenizers."""
