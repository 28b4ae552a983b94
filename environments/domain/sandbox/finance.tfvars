# The domain finance of the sandbox.
account_id         = "444444444444"
region             = "eu-west-1"
domain             = "finance"
central_account_id = "111111111111"
s3_use_path_style  = true
product_owners     = [{ email = "owner@finance.example", name = "Fred Finance" }]
