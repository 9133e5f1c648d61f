"""Where tasks run: an executor is one method wide."""
