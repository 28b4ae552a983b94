"""Lake Formation across accounts, with enforcement."""
