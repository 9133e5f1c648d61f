"""count: the words of every unit, merged into exact counts."""
