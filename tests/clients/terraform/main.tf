# Users, groups, roles and policies as a configuration has them. Applied twice, the second run finds nothing to change.
# Keys, region and endpoint come from the environment (AWS_…).
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.0" }
  }
}

provider "aws" {
  default_tags { tags = { team = "blue" } }
}

variable "revision" {
  type    = number
  default = 1
}

data "aws_caller_identity" "own" {}

data "aws_iam_policy" "of_aws" {
  name = "AmazonS3ReadOnlyAccess"
}

data "aws_iam_policy_document" "reading" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::terraform/revision-${var.revision}/*"]
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.one.arn, data.aws_caller_identity.own.account_id]
    }
    condition {
      test     = "NumericLessThan"
      variable = "aws:MultiFactorAuthAge"
      values   = [3600]
    }
  }
}

resource "aws_iam_policy" "reading" {
  name        = "terraform-reading"
  path        = "/terraform/"
  description = "made by a configuration"
  policy      = data.aws_iam_policy_document.reading.json
}

resource "aws_iam_user" "one" {
  name                 = "terraform-user"
  path                 = var.revision == 1 ? "/terraform/" : "/moved/"
  permissions_boundary = var.revision == 1 ? aws_iam_policy.reading.arn : null
  force_destroy        = true
  tags                 = { revision = var.revision }
}

resource "aws_iam_access_key" "one" {
  user   = aws_iam_user.one.name
  status = var.revision == 1 ? "Active" : "Inactive"
}

resource "aws_iam_user_policy" "inline" {
  name   = "inline"
  user   = aws_iam_user.one.name
  policy = data.aws_iam_policy_document.reading.json
}

resource "aws_iam_user_policy_attachment" "managed" {
  user       = aws_iam_user.one.name
  policy_arn = aws_iam_policy.reading.arn
}

resource "aws_iam_group" "staff" {
  name = var.revision == 1 ? "terraform-staff" : "terraform-people"
  path = "/terraform/"
}

resource "aws_iam_group_policy" "inline" {
  name   = "inline"
  group  = aws_iam_group.staff.name
  policy = data.aws_iam_policy_document.reading.json
}

resource "aws_iam_group_policy_attachment" "of_aws" {
  group      = aws_iam_group.staff.name
  policy_arn = data.aws_iam_policy.of_aws.arn
}

resource "aws_iam_user_group_membership" "one" {
  user   = aws_iam_user.one.name
  groups = [aws_iam_group.staff.name]
}

resource "aws_iam_role" "worker" {
  name                  = "terraform-worker"
  path                  = "/terraform/"
  description           = "revision ${var.revision}"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  max_session_duration  = var.revision == 1 ? 3600 : 7200
  permissions_boundary  = aws_iam_policy.reading.arn
  force_detach_policies = true
  tags                  = { revision = var.revision }
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.reading.json
}

resource "aws_iam_role_policy_attachment" "managed" {
  role       = aws_iam_role.worker.name
  policy_arn = var.revision == 1 ? aws_iam_policy.reading.arn : data.aws_iam_policy.of_aws.arn
}

resource "aws_iam_instance_profile" "box" {
  name = "terraform-box"
  role = aws_iam_role.worker.name
}

data "aws_iam_role" "worker" {
  name       = aws_iam_role.worker.name
  depends_on = [aws_iam_role_policy.inline]
}

data "aws_iam_roles" "below" {
  path_prefix = "/terraform/"
  depends_on  = [aws_iam_role.worker]
}

output "found" {
  value = {
    account  = data.aws_caller_identity.own.account_id
    role     = data.aws_iam_role.worker.arn
    duration = data.aws_iam_role.worker.max_session_duration
    roles    = [for arn in data.aws_iam_roles.below.arns : arn]
    user     = aws_iam_user.one.arn
    group    = aws_iam_group.staff.arn
    profile  = aws_iam_instance_profile.box.arn
  }
}
