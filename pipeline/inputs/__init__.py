"""From stored bytes to documents: listing, cutting into units, reading."""
