"""The API behind the portal: who may ask for what, and what is answered. No boto3, no HTTP."""
