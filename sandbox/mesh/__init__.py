"""The data mesh in the sandbox: bringing it up, the people in it, its sample data, and the demo.

Nothing here knows how the sandbox works inside. It does what a platform team would do with AWS accounts:
it runs Terraform, puts events on buses and asks Athena.
"""
