"""The sections of the page: each turns a part of a report into a card, or into nothing where the report has no such part."""
