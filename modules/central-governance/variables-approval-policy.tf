# Who has to agree before access is granted, as data. lambda_src/datamesh/models/policy.py is its model; what is taken
# here is taken there.

variable "approval_policy" {
  description = <<-EOT
    Who has to agree before access is granted, and who may find a product at all. The first of `rules` whose conditions (`when`) all hold decides; what no
    rule speaks of is refused. docs/approvals.md explains it by examples.
    * `groups`: the policy's own groups, {name => people}, each with `email`, `name` and, if any, the `domain` they belong to.
    * `rules`: each with `name`, `description` and what follows; the first one that fits decides.
    * `when`: what is null is not looked at: `sensitive`, `classifications` (unclassified is one), `producers`, `consumers`, `access_modes` (nrac, tbac), LF-tags (`tags`, {key => values}).
    * `stages`, one after the other, none to grant at once what is not sensitive: of the groups in `approvers` (`product_owners` and `data_stewards` are each producer's own) `quorum` people must agree.
    * `deadline_hours` of a stage; then `on_deadline` says deny, or escalate: to the groups in `escalate_to`, who may decide as well.
    * `max_duration_days`: a request without duration gets just this; null: without end.
    * `purposes` that may be asked for; null: any, or none.
    * `grant_to`: account or principals; null: what is sensitive to the named principals alone, all else to the consumer's account.
    * `discovery`: rules of their own, each with `name`, `description`, `when` (`sensitive`, `classifications`, `producers`, `tags`) and `visible_to`: ["everyone"], ["nobody"] but its own domain, or names of domains. What no rule speaks of everybody may find.
  EOT
  type = object({
    discovery = optional(list(object({
      description = optional(string)
      name        = string
      visible_to  = list(string)
      when = optional(object({
        classifications = optional(list(string))
        producers       = optional(list(string))
        sensitive       = optional(bool)
        tags            = optional(map(list(string)))
      }), {})
    })), [])
    groups = optional(map(list(object({
      domain = optional(string)
      email  = string
      name   = optional(string)
    }))), {})
    rules = list(object({
      description       = optional(string)
      grant_to          = optional(string)
      max_duration_days = optional(number)
      name              = string
      purposes          = optional(list(string))
      stages = optional(list(object({
        approvers      = list(string)
        deadline_hours = optional(number, 72)
        escalate_to    = optional(list(string), [])
        name           = string
        on_deadline    = optional(string, "deny")
        quorum         = optional(number, 1)
      })), [])
      when = optional(object({
        access_modes    = optional(list(string))
        classifications = optional(list(string))
        consumers       = optional(list(string))
        producers       = optional(list(string))
        sensitive       = optional(bool)
        tags            = optional(map(list(string)))
      }), {})
    }))
  })
  default = {
    rules = [
      {
        name        = "not-sensitive"
        description = "What is classified and holds no personal data is granted at once."
        when        = { sensitive = false }
      },
      {
        name        = "sensitive"
        description = "The producer's owners decide on what is sensitive or not classified."
        stages      = [{ name = "owners", approvers = ["product_owners"] }]
      },
    ]
  }
  nullable = false

  # --- Groups ---

  validation {
    condition     = alltrue([for name in keys(var.approval_policy.groups) : can(regex("^[a-z][a-z0-9_-]{0,62}$", name))])
    error_message = "approval_policy.groups must have names of 1 to 63 lower-case letters, digits, dashes or underscores that start with a letter."
  }

  validation {
    condition     = length(setintersection(keys(var.approval_policy.groups), ["product_owners", "data_stewards"])) == 0
    error_message = "approval_policy.groups must not have product_owners or data_stewards: the producers name these themselves."
  }

  validation {
    condition     = alltrue([for person in flatten(values(var.approval_policy.groups)) : length(person.email) <= 254 && can(regex("^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$", person.email))])
    error_message = "approval_policy.groups[*].email must be addresses like gina@example.com, of at most 254 characters."
  }

  validation {
    condition     = alltrue([for person in flatten(values(var.approval_policy.groups)) : person.domain == null || can(regex("^[a-z][a-z0-9_]{0,29}$", person.domain)) && !can(regex("_(nrac|tbac)$", person.domain))])
    error_message = "approval_policy.groups[*].domain must be names of domains: 1 to 30 lower-case letters, digits or underscores that start with a letter and do not end in _nrac or _tbac."
  }

  # What Terraform counts as one character may be several for others, hence the bytes.
  validation {
    condition     = alltrue([for person in flatten(values(var.approval_policy.groups)) : person.name == null || try(length(person.name) <= 128 && length(base64encode(person.name)) <= 172, false)])
    error_message = "approval_policy.groups[*].name must have at most 128 characters, and bytes."
  }

  # --- Rules ---

  validation {
    condition     = length(var.approval_policy.rules) >= 1 && length(var.approval_policy.rules) <= 50
    error_message = "approval_policy.rules must be 1 to 50: without a rule nothing at all would be granted."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : can(regex("^[a-z][a-z0-9_-]{0,62}$", rule.name))])
    error_message = "approval_policy.rules[*].name must have 1 to 63 lower-case letters, digits, dashes or underscores and start with a letter."
  }

  validation {
    condition     = length(var.approval_policy.rules) == length(distinct(var.approval_policy.rules[*].name))
    error_message = "approval_policy.rules[*].name must differ: decisions are recorded by it."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : rule.description == null || try(length(rule.description) <= 2048 && length(base64encode(rule.description)) <= 2732, false)])
    error_message = "approval_policy.rules[*].description must have at most 2048 characters, and bytes."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : rule.grant_to == null || try(contains(["account", "principals"], rule.grant_to), false)])
    error_message = "approval_policy.rules[*].grant_to must be account or principals."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : rule.max_duration_days == null || try(rule.max_duration_days >= 1 && rule.max_duration_days <= 3650 && floor(rule.max_duration_days) == rule.max_duration_days, false)])
    error_message = "approval_policy.rules[*].max_duration_days must be a whole number from 1 to 3650."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for purpose in coalesce(rule.purposes, []) : can(regex("^[a-z0-9][a-z0-9 _-]{0,62}$", purpose))]]))
    error_message = "approval_policy.rules[*].purposes must have 1 to 63 lower-case letters, digits, spaces, dashes or underscores and start with a letter or digit."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : length(rule.stages) > 0 || rule.when.sensitive != true])
    error_message = "approval_policy.rules[*].stages must not be empty where when.sensitive is true: what is sensitive is never approved without people."
  }

  # --- Conditions ---

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for mode in coalesce(rule.when.access_modes, []) : contains(["nrac", "tbac"], mode)]]))
    error_message = "approval_policy.rules[*].when.access_modes must be nrac or tbac."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for name in coalesce(rule.when.classifications, []) : contains(["public", "internal", "confidential", "restricted", "unclassified"], name)]]))
    error_message = "approval_policy.rules[*].when.classifications must be public, internal, confidential, restricted or unclassified."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for domain in concat(coalesce(rule.when.producers, []), coalesce(rule.when.consumers, [])) : can(regex("^[a-z][a-z0-9_]{0,29}$", domain)) && !can(regex("_(nrac|tbac)$", domain))]]))
    error_message = "approval_policy.rules[*].when.producers and when.consumers must be names of domains: 1 to 30 lower-case letters, digits or underscores that start with a letter and do not end in _nrac or _tbac."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for key, values in coalesce(rule.when.tags, {}) : [for name in concat([key], values) : can(regex("^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$", name))]]]))
    error_message = "approval_policy.rules[*].when.tags must have keys and values of 1 to 50 lower-case letters, digits or _.:/+@-, the first one a letter, digit or _."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.rules : [for values in values(coalesce(rule.when.tags, {})) : length(values) >= 1 && length(values) <= 50]]))
    error_message = "approval_policy.rules[*].when.tags must have 1 to 50 values per key."
  }

  # --- Stages ---

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : length(rule.stages) <= 5])
    error_message = "approval_policy.rules[*].stages must be at most 5."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : can(regex("^[a-z][a-z0-9_-]{0,62}$", stage.name))])
    error_message = "approval_policy.rules[*].stages[*].name must have 1 to 63 lower-case letters, digits, dashes or underscores and start with a letter."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.rules : length(rule.stages) == length(distinct(rule.stages[*].name))])
    error_message = "approval_policy.rules[*].stages[*].name must differ within a rule."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : length(stage.approvers) >= 1])
    error_message = "approval_policy.rules[*].stages[*].approvers must name at least one group."
  }

  validation {
    condition     = length(setsubtract(flatten([for stage in flatten(var.approval_policy.rules[*].stages) : concat(stage.approvers, stage.escalate_to)]), concat(keys(var.approval_policy.groups), ["product_owners", "data_stewards"]))) == 0
    error_message = "approval_policy.rules[*].stages[*].approvers and escalate_to must be groups: product_owners, data_stewards, or one of approval_policy.groups."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : stage.quorum >= 1 && stage.quorum <= 20 && floor(stage.quorum) == stage.quorum])
    error_message = "approval_policy.rules[*].stages[*].quorum must be a whole number from 1 to 20."
  }

  validation {
    # Of the policy's own groups only: how many people a producer names is not known here.
    condition = alltrue(flatten([
      for stage in flatten(var.approval_policy.rules[*].stages) : [
        for groups in [stage.approvers, stage.escalate_to] :
        length(setintersection(groups, keys(var.approval_policy.groups))) == 0 ||
        length(distinct([for person in flatten([for name in groups : lookup(var.approval_policy.groups, name, [])]) : lower(person.email)])) >= stage.quorum
      ]
    ]))
    error_message = "approval_policy.rules[*].stages[*].quorum must not be more than the people of the groups that the stage asks or escalates to: nobody could ever approve it."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : stage.deadline_hours >= 1 && stage.deadline_hours <= 720 && floor(stage.deadline_hours) == stage.deadline_hours])
    error_message = "approval_policy.rules[*].stages[*].deadline_hours must be a whole number from 1 to 720."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : contains(["deny", "escalate"], stage.on_deadline)])
    error_message = "approval_policy.rules[*].stages[*].on_deadline must be deny or escalate."
  }

  validation {
    condition     = alltrue([for stage in flatten(var.approval_policy.rules[*].stages) : (stage.on_deadline == "escalate") == (length(stage.escalate_to) > 0)])
    error_message = "approval_policy.rules[*].stages[*].escalate_to must be given exactly where on_deadline is escalate."
  }

  # --- Discovery ---

  validation {
    condition     = length(var.approval_policy.discovery) <= 50
    error_message = "approval_policy.discovery must be at most 50 rules."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.discovery : can(regex("^[a-z][a-z0-9_-]{0,62}$", rule.name))])
    error_message = "approval_policy.discovery[*].name must have 1 to 63 lower-case letters, digits, dashes or underscores and start with a letter."
  }

  validation {
    condition     = length(var.approval_policy.discovery) == length(distinct(var.approval_policy.discovery[*].name))
    error_message = "approval_policy.discovery[*].name must differ."
  }

  validation {
    condition     = alltrue([for rule in var.approval_policy.discovery : rule.description == null || try(length(rule.description) <= 2048 && length(base64encode(rule.description)) <= 2732, false)])
    error_message = "approval_policy.discovery[*].description must have at most 2048 characters, and bytes."
  }

  validation {
    condition = alltrue([
      for rule in var.approval_policy.discovery :
      length(rule.visible_to) >= 1 && (length(rule.visible_to) == 1 || length(setintersection(rule.visible_to, ["everyone", "nobody"])) == 0)
    ])
    error_message = "approval_policy.discovery[*].visible_to must be [\"everyone\"], [\"nobody\"], or the names of one or more domains."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.discovery : [for domain in concat(rule.visible_to, coalesce(rule.when.producers, [])) : can(regex("^[a-z][a-z0-9_]{0,29}$", domain)) && !can(regex("_(nrac|tbac)$", domain))]]))
    error_message = "approval_policy.discovery[*].visible_to and when.producers must be names of domains: 1 to 30 lower-case letters, digits or underscores that start with a letter and do not end in _nrac or _tbac."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.discovery : [for name in coalesce(rule.when.classifications, []) : contains(["public", "internal", "confidential", "restricted", "unclassified"], name)]]))
    error_message = "approval_policy.discovery[*].when.classifications must be public, internal, confidential, restricted or unclassified."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.discovery : [for key, values in coalesce(rule.when.tags, {}) : [for name in concat([key], values) : can(regex("^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$", name))]]]))
    error_message = "approval_policy.discovery[*].when.tags must have keys and values of 1 to 50 lower-case letters, digits or _.:/+@-, the first one a letter, digit or _."
  }

  validation {
    condition     = alltrue(flatten([for rule in var.approval_policy.discovery : [for values in values(coalesce(rule.when.tags, {})) : length(values) >= 1 && length(values) <= 50]]))
    error_message = "approval_policy.discovery[*].when.tags must have 1 to 50 values per key."
  }

  validation {
    # A DynamoDB item takes 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    condition     = length(base64encode(jsonencode(var.approval_policy))) <= 400000
    error_message = "approval_policy must have at most 300 KB as JSON, to fit into an item of the registry."
  }
}
