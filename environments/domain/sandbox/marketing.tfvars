# The domain marketing of the sandbox.
account_id         = "333333333333"
region             = "eu-west-1"
domain             = "marketing"
central_account_id = "111111111111"
s3_use_path_style  = true
product_owners     = [{ email = "owner@marketing.example", name = "Mona Marketing" }]
