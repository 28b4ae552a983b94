# What standing grants by name would show without an approval is held back from them, by whoever hears of it first:
# the product's registration, or the index when a domain reports what its crawlers and owners wrote.

locals {
  hold_back_statements = [
    {
      sid = "HoldBackFromGrants"
      actions = [
        "lakeformation:BatchRevokePermissions",
        "lakeformation:CreateDataCellsFilter",
        "lakeformation:GetDataCellsFilter",
        "lakeformation:RevokePermissions",
        "lakeformation:UpdateDataCellsFilter",
      ]
      resources = ["*"]
      reason    = "Lake Formation has no resource-level permissions."
    },
  ]
}
