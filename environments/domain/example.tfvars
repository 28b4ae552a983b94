# Copy to <domain>.tfvars, the file of the workspace <domain>.
account_id         = "444455556666"
region             = "eu-west-1"
domain             = "sales"
central_account_id = "111122223333"

# Who in this account reads the domain's own products.
data_principals = ["arn:aws:iam::444455556666:role/sales-analyst"]

# Who decides on access to the domain's products. Each gets a mail from AWS to confirm the subscription.
product_owners = [{ email = "olga@example.com", name = "Olga" }, { email = "omar@example.com", name = "Omar" }]
data_stewards  = [{ email = "sam@example.com", name = "Sam" }]

administrators   = ["arn:aws:iam::444455556666:role/terraform"]
assume_role_arn  = "arn:aws:iam::444455556666:role/terraform"
alarm_topic_arns = ["arn:aws:sns:eu-west-1:444455556666:platform-alarms"]

layers = {
  clean     = {}
  raw       = { infrequent_access_after_days = 60 }
  transform = { noncurrent_version_days = 90 }
}

tags = {
  cost-center = "sales"
}
