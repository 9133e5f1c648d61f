"""Reading what is committed: tables, streams of rows, loaders."""
