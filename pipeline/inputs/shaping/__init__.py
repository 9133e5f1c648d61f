"""Record shaping: paths into a record, templates over its fields, conditions on them; the same in every format with fields."""
