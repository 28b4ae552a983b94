variable "account_id" {
  description = "Id of the domain's account."
  type        = string
  nullable    = false
}
