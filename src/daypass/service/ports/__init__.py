"""What the service needs of the world: identities, entropy, an audit log. Exactly what its modules call.

Engines live in daypass.store; every engine of a port passes the same conformance suite (tests/conformance).
"""

from daypass.service.ports.account_settings import (
    AccountCounts,
    CredentialReport,
    PasswordPolicy,
    UserCredentials,
)
from daypass.service.ports.accounts import AccountRecord, ControlPolicyRecord
from daypass.service.ports.buckets import BucketRecord
from daypass.service.ports.credentials import LastUse, LoginProfile, MfaDeviceRecord, UseLog
from daypass.service.ports.details import EntityPolicies
from daypass.service.ports.directory import Directory
from daypass.service.ports.documents import DocumentRefused, Documents, DocumentUnreachable
from daypass.service.ports.errors import (
    AlreadyExists,
    BucketExists,
    DirectoryError,
    Entity,
    LimitReached,
    NotFound,
    StillInUse,
)
from daypass.service.ports.groups import GroupRecord
from daypass.service.ports.identities import (
    AccessKey,
    Account,
    Bucket,
    IdentityReader,
    Levels,
    ManagedPolicy,
    MfaDevice,
    OidcProvider,
    Role,
    SamlProvider,
    User,
)
from daypass.service.ports.policies import PolicyHolder, PolicyRecord, PolicyVersionRecord, Usage
from daypass.service.ports.providers import OidcProviderRecord, SamlProviderRecord, WebIdentityKey
from daypass.service.ports.roles import InstanceProfileRecord, RoleRecord
from daypass.service.ports.users import AccessKeyRecord, UserRecord
from daypass.service.ports.world import AuditLog, AuditRecord, Entropy

__all__ = [
    "AccessKey",
    "AccessKeyRecord",
    "Account",
    "AccountCounts",
    "AccountRecord",
    "AlreadyExists",
    "AuditLog",
    "AuditRecord",
    "Bucket",
    "BucketExists",
    "BucketRecord",
    "ControlPolicyRecord",
    "CredentialReport",
    "Directory",
    "DirectoryError",
    "DocumentRefused",
    "DocumentUnreachable",
    "Documents",
    "Entity",
    "EntityPolicies",
    "Entropy",
    "GroupRecord",
    "IdentityReader",
    "InstanceProfileRecord",
    "LastUse",
    "Levels",
    "LimitReached",
    "LoginProfile",
    "ManagedPolicy",
    "MfaDevice",
    "MfaDeviceRecord",
    "NotFound",
    "OidcProvider",
    "OidcProviderRecord",
    "PasswordPolicy",
    "PolicyHolder",
    "PolicyRecord",
    "PolicyVersionRecord",
    "Role",
    "RoleRecord",
    "SamlProvider",
    "SamlProviderRecord",
    "StillInUse",
    "Usage",
    "UseLog",
    "User",
    "UserCredentials",
    "UserRecord",
    "WebIdentityKey",
]
