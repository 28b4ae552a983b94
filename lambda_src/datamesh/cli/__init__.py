"""The command line: for people and pipelines, on their own machines. It is not part of the Lambda package."""
