# The domain sales of the sandbox.
account_id         = "222222222222"
region             = "eu-west-1"
domain             = "sales"
central_account_id = "111111111111"
s3_use_path_style  = true
product_owners     = [{ email = "owner@sales.example", name = "Olga Sales" }]
data_stewards      = [{ email = "steward@sales.example", name = "Stan Sales" }]
