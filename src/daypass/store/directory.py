"""SqlDirectory: the Directory port, and the loads under the cache, over any engine SQLAlchemy Core speaks to."""

from __future__ import annotations

from daypass.store.access_keys import AccessKeys
from daypass.store.account_settings import AccountSettings
from daypass.store.accounts import Accounts
from daypass.store.buckets import Buckets
from daypass.store.details import Details
from daypass.store.entity_tags import EntityTags
from daypass.store.groups import Groups
from daypass.store.identities import Identities
from daypass.store.inline_policies import InlinePolicies
from daypass.store.instance_profiles import InstanceProfiles
from daypass.store.login_profiles import LoginProfiles
from daypass.store.mfa_counters import MfaCounters
from daypass.store.mfa_devices import MfaDevices
from daypass.store.policies import Policies
from daypass.store.providers import Providers
from daypass.store.roles import Roles
from daypass.store.users import Users
from daypass.store.web_identity_keys import WebIdentityKeys


class SqlDirectory(
    Accounts,
    Users,
    AccessKeys,
    InlinePolicies,
    Policies,
    Groups,
    Roles,
    InstanceProfiles,
    LoginProfiles,
    MfaDevices,
    MfaCounters,
    AccountSettings,
    EntityTags,
    Details,
    Providers,
    WebIdentityKeys,
    Buckets,
    Identities,
):
    """Each part is the module of its entity; they share one engine, one change log and one writer at a time."""
