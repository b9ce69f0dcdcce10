"""AWS Identity and Access Management: one function per action, listed in ACTIONS.

Owns users, access keys, inline and managed policies as callers manage them, and the simulation of policies.
Parameters arrive checked against the model, and every check of the action's row has been allowed, before its function
is called; the edge has refused federated sessions. An action that is not listed is not served.

Source: IAM API Reference; its published model (wire/models/iam.json); Service Authorization Reference for what
each action is checked on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daypass.service.actions import Action
from daypass.service.iam import (
    access_keys,
    account,
    account_details,
    attachments,
    boundaries,
    credential_report,
    entity_tags,
    groups,
    inline_policies,
    instance_profiles,
    login_profiles,
    mfa_devices,
    oidc_providers,
    other_credentials,
    outbound,
    policies,
    policy_versions,
    roles,
    saml_providers,
    simulation,
    users,
)
from daypass.service.iam.policy_targets import on_policy
from daypass.service.iam.providers import OIDC, SAML, listing_checks, on_provider, tagging_checks, untagging_checks
from daypass.service.iam.simulation_source import on_source
from daypass.service.iam.targets import GROUP, ROLE, USER, on_target, on_user, taggable

ACTIONS: Final[Mapping[str, Action]] = {
    "CreateUser": Action(users.create_user, users.create_user_checks),
    "GetUser": Action(users.get_user, on_user("iam:GetUser")),
    "ListUsers": Action(users.list_users, users.list_users_checks),
    "UpdateUser": Action(users.update_user, users.update_user_checks),
    "DeleteUser": Action(users.delete_user, on_user("iam:DeleteUser")),
    "CreateAccessKey": Action(access_keys.create_access_key, on_user("iam:CreateAccessKey")),
    "ListAccessKeys": Action(access_keys.list_access_keys, on_user("iam:ListAccessKeys")),
    "UpdateAccessKey": Action(access_keys.update_access_key, on_user("iam:UpdateAccessKey")),
    "DeleteAccessKey": Action(access_keys.delete_access_key, on_user("iam:DeleteAccessKey")),
    "GetAccessKeyLastUsed": Action(access_keys.get_access_key_last_used, access_keys.get_access_key_last_used_checks),
    **login_profiles.ACTIONS,
    **mfa_devices.ACTIONS,
    **account.ACTIONS,
    **credential_report.ACTIONS,
    **other_credentials.ACTIONS,
    "CreateRole": Action(roles.create_role, roles.create_role_checks),
    "GetRole": Action(roles.get_role, on_target(ROLE, "iam:GetRole")),
    "ListRoles": Action(roles.list_roles, roles.list_roles_checks),
    "UpdateRole": Action(roles.update_role, on_target(ROLE, "iam:UpdateRole")),
    "UpdateRoleDescription": Action(roles.update_role_description, on_target(ROLE, "iam:UpdateRoleDescription")),
    "UpdateAssumeRolePolicy": Action(roles.update_assume_role_policy, on_target(ROLE, "iam:UpdateAssumeRolePolicy")),
    "DeleteRole": Action(roles.delete_role, on_target(ROLE, "iam:DeleteRole")),
    **inline_policies.actions(USER),
    **inline_policies.actions(ROLE),
    **inline_policies.actions(GROUP),
    **attachments.actions(USER),
    **attachments.actions(ROLE),
    **attachments.actions(GROUP),
    **groups.ACTIONS,
    **entity_tags.actions(taggable(USER)),
    **entity_tags.actions(taggable(ROLE)),
    **entity_tags.actions(policies.TAGGABLE),
    **boundaries.actions(USER),
    **boundaries.actions(ROLE),
    **instance_profiles.ACTIONS,
    **account_details.ACTIONS,
    "CreatePolicy": Action(policies.create_policy, policies.create_policy_checks),
    "GetPolicy": Action(policies.get_policy, on_policy("iam:GetPolicy")),
    "ListPolicies": Action(policies.list_policies, policies.list_policies_checks),
    "DeletePolicy": Action(policies.delete_policy, on_policy("iam:DeletePolicy")),
    "CreatePolicyVersion": Action(policy_versions.create_policy_version, on_policy("iam:CreatePolicyVersion")),
    "GetPolicyVersion": Action(policy_versions.get_policy_version, on_policy("iam:GetPolicyVersion")),
    "ListPolicyVersions": Action(policy_versions.list_policy_versions, on_policy("iam:ListPolicyVersions")),
    "SetDefaultPolicyVersion": Action(
        policy_versions.set_default_policy_version, on_policy("iam:SetDefaultPolicyVersion")
    ),
    "DeletePolicyVersion": Action(policy_versions.delete_policy_version, on_policy("iam:DeletePolicyVersion")),
    "ListEntitiesForPolicy": Action(attachments.list_entities_for_policy, on_policy("iam:ListEntitiesForPolicy")),
    **outbound.ACTIONS,
    "CreateOpenIDConnectProvider": Action(
        oidc_providers.create_oidc_provider, oidc_providers.create_oidc_provider_checks
    ),
    "GetOpenIDConnectProvider": Action(
        oidc_providers.get_oidc_provider, on_provider(OIDC, "iam:GetOpenIDConnectProvider")
    ),
    "ListOpenIDConnectProviders": Action(
        oidc_providers.list_oidc_providers, listing_checks("iam:ListOpenIDConnectProviders")
    ),
    "UpdateOpenIDConnectProviderThumbprint": Action(
        oidc_providers.update_thumbprint, on_provider(OIDC, "iam:UpdateOpenIDConnectProviderThumbprint")
    ),
    "AddClientIDToOpenIDConnectProvider": Action(
        oidc_providers.add_client_id, on_provider(OIDC, "iam:AddClientIDToOpenIDConnectProvider")
    ),
    "RemoveClientIDFromOpenIDConnectProvider": Action(
        oidc_providers.remove_client_id, on_provider(OIDC, "iam:RemoveClientIDFromOpenIDConnectProvider")
    ),
    "DeleteOpenIDConnectProvider": Action(
        oidc_providers.delete_oidc_provider, on_provider(OIDC, "iam:DeleteOpenIDConnectProvider")
    ),
    "TagOpenIDConnectProvider": Action(
        oidc_providers.tag_oidc_provider, tagging_checks(OIDC, "iam:TagOpenIDConnectProvider")
    ),
    "UntagOpenIDConnectProvider": Action(
        oidc_providers.untag_oidc_provider, untagging_checks(OIDC, "iam:UntagOpenIDConnectProvider")
    ),
    "ListOpenIDConnectProviderTags": Action(
        oidc_providers.list_oidc_provider_tags, on_provider(OIDC, "iam:ListOpenIDConnectProviderTags")
    ),
    "CreateSAMLProvider": Action(saml_providers.create_saml_provider, saml_providers.create_saml_provider_checks),
    "GetSAMLProvider": Action(saml_providers.get_saml_provider, on_provider(SAML, "iam:GetSAMLProvider")),
    "ListSAMLProviders": Action(saml_providers.list_saml_providers, listing_checks("iam:ListSAMLProviders")),
    "UpdateSAMLProvider": Action(saml_providers.update_saml_provider, saml_providers.update_saml_provider_checks),
    "DeleteSAMLProvider": Action(saml_providers.delete_saml_provider, on_provider(SAML, "iam:DeleteSAMLProvider")),
    "TagSAMLProvider": Action(saml_providers.tag_saml_provider, tagging_checks(SAML, "iam:TagSAMLProvider")),
    "UntagSAMLProvider": Action(saml_providers.untag_saml_provider, untagging_checks(SAML, "iam:UntagSAMLProvider")),
    "ListSAMLProviderTags": Action(
        saml_providers.list_saml_provider_tags, on_provider(SAML, "iam:ListSAMLProviderTags")
    ),
    "SimulateCustomPolicy": Action(
        simulation.simulate_custom_policy, simulation.on_nothing("iam:SimulateCustomPolicy")
    ),
    "SimulatePrincipalPolicy": Action(simulation.simulate_principal_policy, on_source("iam:SimulatePrincipalPolicy")),
    "GetContextKeysForCustomPolicy": Action(
        simulation.get_context_keys_for_custom_policy, simulation.on_nothing("iam:GetContextKeysForCustomPolicy")
    ),
    "GetContextKeysForPrincipalPolicy": Action(
        simulation.get_context_keys_for_principal_policy, on_source("iam:GetContextKeysForPrincipalPolicy")
    ),
}
