# The central account of the sandbox.
account_id        = "111111111111"
region            = "eu-west-1"
organization_id   = "o-datamesh01"
s3_use_path_style = true

# What only this machine knows, where browsers sign in and where the pages are, is added by tools/terraform.py.
portal = {
  domains = ["finance", "marketing", "sales"]
}
