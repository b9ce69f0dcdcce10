"""The Directory port: every part of it is a module of this package."""

from __future__ import annotations

from typing import Protocol

from daypass.service.ports.account_settings import AccountSettings
from daypass.service.ports.accounts import Accounts
from daypass.service.ports.buckets import Buckets
from daypass.service.ports.credentials import Credentials
from daypass.service.ports.details import Details
from daypass.service.ports.groups import Groups
from daypass.service.ports.policies import Policies
from daypass.service.ports.providers import Providers
from daypass.service.ports.roles import Roles
from daypass.service.ports.tags import Tags
from daypass.service.ports.users import Users


class Directory(
    Accounts, AccountSettings, Users, Policies, Groups, Roles, Tags, Details, Credentials, Providers, Buckets, Protocol
):
    """Writes and lists for IAM and the gateway, straight from the store.

    Every write is one transaction, all or nothing, and IdentityReader of the same process sees it as soon as it
    returns. Quotas (daypass.limits) and uniqueness are decided inside that transaction, so that two callers at
    once cannot pass them together. The directory makes the ids; none is given twice, not even after a deletion.
    Names are found by their exact letters, but are unique without regard to case. A `list_…` with `after` and
    `limit` goes by name without case: those after the name `after`, at most `limit`. Times are aware UTC and are
    kept in whole seconds.

    Any method raises ServiceError (ServiceUnavailable) if the store cannot be read or written.
    """
