"""Objects in a bucket: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage."""
