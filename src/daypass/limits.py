"""Every bound in Daypass, with its unit, its source and its precedent. No number of policy lives anywhere else.

A bound that the published service models carry (lengths, patterns, ranges of parameters) is read from
wire/models and is repeated here only where code needs it by name.
"""

from typing import Final

# --- signatures ---------------------------------------------------------------------------------------------
CLOCK_SKEW_SECONDS: Final = 900  # ±15 minutes; IAM User Guide, "Troubleshoot signed requests"
PRESIGNED_EXPIRES_MAX_SECONDS: Final = 604_800  # 7 days; S3 API Reference, "Using query parameters"
AUTHORIZATION_HEADER_BYTES: Final = 8_192  # a longer header is no signature
SIGNING_KEYS_CACHED: Final = 4_096  # entries of 32 bytes, one per (key, day, region, service)

# --- GetFederationToken -------------------------------------------------------------------------------------
FEDERATION_TOKEN_SECONDS_DEFAULT: Final = 43_200  # 12 hours; the STS model's prose
ROLE_SESSION_SECONDS_DEFAULT: Final = 3_600  # MaxSessionDuration of a role made without; IAM API Reference, CreateRole
ROLE_SESSION_SECONDS_MAX: Final = 43_200  # roleDurationSecondsType.max in the STS model
CHAINED_ROLE_SESSION_SECONDS_MAX: Final = 3_600  # IAM User Guide, "Roles terms and concepts", role chaining
ROOT_TASK_SECONDS_MAX: Final = 900  # and the default; the STS model, AssumeRoot
FEDERATION_TOKEN_SECONDS_MAX: Final = 129_600  # 36 hours
ROOT_SESSION_SECONDS_MAX: Final = 3_600  # root is clamped, not refused
SESSION_POLICY_CHARS: Final = 2_048  # characters, inline and managed together; sessionPolicyDocumentType.max
SESSION_POLICY_ARNS: Final = 10  # prose of the STS model; the model itself has no list maximum

# --- the session token --------------------------------------------------------------------------------------
TOKEN_BYTES: Final = 4_096  # bytes of the token as text; AWS's single limit since September 2026
TOKENS_PER_KEY: Final = 2**56  # their 192-bit salts then meet with probability 2^-81
TOKEN_COMPRESS_BYTES: Final = 1_024  # policy and tags beyond this are deflated
SESSIONS_CACHED: Final = 2_048  # opened tokens, and compiled session policies, kept per worker

# --- web identity and SAML ----------------------------------------------------------------------------------
WEB_IDENTITY_TOKEN_CHARS: Final = 20_000  # clientTokenType.max in the STS model
WEB_IDENTITY_LEEWAY_SECONDS: Final = 300  # on the times in a token or an assertion, either way
SAML_METADATA_CACHED: Final = 64  # documents of up to 1 MB that a worker keeps as they were read
SAML_REDEEM_SECONDS: Final = 300  # after an assertion is issued; AWS's text says so
WEB_IDENTITY_PAYLOAD_BYTES: Final = 12_000  # of a token that we sign: it then has fewer characters than any may have
WEB_IDENTITY_SECONDS_DEFAULT: Final = 300  # of a token that we sign; STS API Reference, GetWebIdentityToken
WEB_IDENTITY_SECONDS_MAX: Final = 3_600  # webIdentityTokenDurationSecondsType.max in the STS model
WEB_IDENTITY_KEY_SECONDS: Final = 7_776_000  # 90 days that a key of ours signs; NIST SP 800-57 leaves up to three years
JWKS_KEYS: Final = 200  # of one provider: IAM takes 100 RSA keys and 100 of elliptic curves
IDP_DOCUMENT_BYTES: Final = 262_144  # of a discovery document or key set; 200 keys with certificates have some 200 KB
IDP_DOCUMENT_SECONDS: Final = 5  # to fetch one of them, from its name's resolution to its last byte
IDP_CONNECTIONS: Final = 16  # per worker
ISSUERS_CACHED: Final = 1_024  # providers whose keys a worker keeps
ISSUER_KEYS_SECONDS: Final = 900  # until a provider's keys are fetched anew
ISSUER_REFETCH_SECONDS: Final = 60  # between two fetches that an unknown key id asks for
ISSUER_RETRY_SECONDS: Final = 5  # between two fetches when the last one failed

# --- encoded authorization messages ---------------------------------------------------------------------------
AUTHORIZATION_MESSAGE_CHARS: Final = 4_096  # as a response header it passes proxies; encodedMessageType.max is 10,240
AUTHORIZATION_MESSAGE_SECONDS: Final = 86_400  # AWS says that they expire, and not when
AUTHORIZATION_MESSAGE_STATEMENTS: Final = 64  # looked at beside those that decided; it adds up to 1 ms to a denial

# --- request heads ------------------------------------------------------------------------------------------
REQUEST_HEAD_BYTES: Final = 65_536  # request line and headers; uvicorn's bound under h11, nginx has 40 KiB
REQUEST_HEAD_SECONDS: Final = 30  # to send a whole head; nginx's client_header_timeout is 60, Apache's is 20

# --- request bodies -----------------------------------------------------------------------------------------
ANSWER_PIECE_BYTES: Final = 8_192  # an answer's head and body up to this are copied together to leave in one write
API_BODY_BYTES: Final = 1_048_576  # IAM takes policies of 131,072 characters, percent-encoded
BUCKET_POLICY_BYTES: Final = 20_480  # bytes as sent; S3 User Guide, "Bucket policies"
AUDITED_ACTION_CHARS: Final = 128  # of an Action that nobody has authenticated; the longest real one has 46
TURN_REQUESTS: Final = 64  # answered together, so the first of them waits for the last; some 5 ms
API_BODY_SECONDS: Final = 30  # to receive a whole API body; a slower client is cut off
QUERY_LIST_ELEMENTS: Final = 1_000  # of one list or map in a form; the models' own maxima end at 256
QUERY_NAME_PARTS: Final = 16  # of a parameter's dotted name; IAM's deepest has eight

# --- identity store -----------------------------------------------------------------------------------------
FRESHNESS_SECONDS: Final = 0.9  # an older cache catches up before it answers; one second is promised
CHANGE_POLL_SECONDS: Final = 0.25  # how often a worker asks the store for changes
IDENTITIES_CACHED: Final = 16_384  # entries a worker keeps of each kind: access keys, users, managed policies, buckets
CHANGES_KEPT: Final = 20_000  # rows of the store's change log; a worker further behind forgets its whole cache
AUDIT_ROTATION_SECONDS: Final = 1  # how often a worker looks whether its audit file was renamed away
STORE_CONNECTIONS: Final = 8  # per worker; each is a thread of its own
STORE_BUSY_SECONDS: Final = 5  # a writer waits this long for another process's write, then answers ServiceUnavailable
ACCESS_KEYS_PER_USER: Final = 2  # IAM quotas
USERS_PER_ACCOUNT: Final = 5_000  # IAM quotas
MANAGED_POLICIES_PER_ACCOUNT: Final = 1_500  # IAM quotas
MANAGED_POLICIES_PER_USER: Final = 10  # IAM quotas
MANAGED_POLICY_VERSIONS: Final = 5  # IAM quotas
MANAGED_POLICIES_PER_GROUP: Final = 10  # IAM quotas
MANAGED_POLICIES_PER_ROLE: Final = 10  # IAM quotas
GROUPS_PER_ACCOUNT: Final = 300  # IAM quotas
GROUPS_PER_USER: Final = 10  # IAM quotas
ROLES_PER_ACCOUNT: Final = 1_000  # IAM quotas
INSTANCE_PROFILES_PER_ACCOUNT: Final = 1_000  # IAM quotas
PROVIDERS_PER_ACCOUNT: Final = 100  # IAM quotas: of OpenID Connect providers, and as many SAML providers
CLIENT_IDS_PER_PROVIDER: Final = 100  # IAM quotas; what AWS answers beyond says so too
PROVIDER_THUMBPRINTS: Final = 5  # IAM API Reference, CreateOpenIDConnectProvider
MFA_DEVICES_PER_ACCOUNT: Final = 5_000  # virtual ones, in use or not; IAM quotas: as many as users
MFA_DEVICES_PER_USER: Final = 8  # IAM quotas
TAGS_PER_ENTITY: Final = 50  # IAM quotas: of a user, a role, a policy, an instance profile, a provider, a device
PAGE_ITEMS_DEFAULT: Final = 100  # IAM's MaxItems when none is passed

# --- passwords and MFA codes --------------------------------------------------------------------------------
PASSWORD_HASH_KIB: Final = 19_456  # of memory; OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB …
PASSWORD_HASH_PASSES: Final = 2  # … two passes and one lane; some 45 ms here
PASSWORD_CHARS_MIN: Final = 8  # where the account has no password policy; IAM User Guide, "Default password policy"
PASSWORD_KINDS_MIN: Final = 3  # of the four kinds of characters; the same page
PASSWORDS_REMEMBERED: Final = 24  # PasswordReusePrevention's maximum in the IAM model
MFA_WINDOW_STEPS: Final = 1  # of 30 seconds before and after the present one; RFC 6238, 5.2 recommends at most one
MFA_WRONG_CODES: Final = 10  # of one device in MFA_WRONG_CODES_SECONDS; a worker then looks at none until they are over
MFA_WRONG_CODES_SECONDS: Final = 300
MFA_DEVICES_WATCHED: Final = 4_096  # devices with wrong codes that a worker remembers
CREDENTIAL_REPORT_SECONDS: Final = 14_400  # before one is made anew; IAM API Reference, GenerateCredentialReport
LAST_USE_FLUSH_SECONDS: Final = 5  # how often a worker writes down which credentials were used

# --- policy documents (characters without white space; IAM quotas) ------------------------------------------
MANAGED_POLICY_CHARS: Final = 6_144
USER_INLINE_POLICIES_CHARS: Final = 2_048  # all inline policies of one user together
GROUP_INLINE_POLICIES_CHARS: Final = 5_120
ROLE_INLINE_POLICIES_CHARS: Final = 10_240
TRUST_POLICY_CHARS: Final = 2_048
SERVICE_CONTROL_POLICY_CHARS: Final = 5_120
CONTROL_POLICIES_PER_TARGET: Final = 5  # of each kind, for all accounts and for each; Organizations quotas
POLICY_DOCUMENT_CHARS: Final = 131_072  # white space counted; policyDocumentType.max in the IAM model

# --- policy simulation; AWS states none of these -------------------------------------------------------------
SIMULATION_CHARS: Final = 2_000_000  # characters of policies gone through for one page of results, at worst some 0.5 s
SIMULATION_DECISION_CHARS: Final = 1_000  # what a decision costs beside its policies, counted as characters of them
SIMULATION_ACCOUNTS_CACHED: Final = 256  # accounts whose resources were simulated without a policy
SIMULATION_ARNS_CACHED: Final = 256  # patterns of the catalog's types of resources
SIMULATION_CONTEXT_VALUE_CHARS: Final = 2_048  # of one value of a context key; ResourceNameType.max in the IAM model

# --- policy evaluation --------------------------------------------------------------------------------------
POLICY_ACTIONS_CACHED: Final = 256  # per policy: actions whose candidate statements are remembered
POLICY_LISTS_CACHED: Final = 4_096  # (list of policies, action) whose candidate statements are remembered together
CONDITION_VALUES_CACHED: Final = 1_024  # per kind of value (number, date, network): parsed texts remembered
TESTED_DOCUMENTS_CACHED: Final = 16_384  # parsed documents that a run of `daypass policy test` keeps

# --- S3 -----------------------------------------------------------------------------------------------------
OBJECT_KEY_BYTES: Final = 1_024  # bytes of UTF-8; S3 User Guide, "Object key names"
BUCKETS_PER_ACCOUNT: Final = 10_000  # S3 quotas
UPSTREAM_CONNECT_SECONDS: Final = 5
UPSTREAM_IDLE_SECONDS: Final = 60  # between two reads or writes of one upstream exchange
UPSTREAM_CONNECTIONS: Final = 256  # per worker and backend, in use at a time
UPSTREAM_QUEUE_SECONDS: Final = 5  # to wait for one of them, then SlowDown
UPSTREAM_KEEP_SECONDS: Final = 15  # an idle one is closed; most servers keep theirs for longer (nginx: 75)
UPSTREAM_BUFFER_BYTES: Final = 262_144  # of one exchange, each way, before whoever sends has to wait
UPSTREAM_CHUNK_BYTES: Final = 65_536  # of a frame to a backend that takes trailers; what AWS's SDKs send
UPSTREAM_WHOLE_BODY_BYTES: Final = 65_536  # a body up to this is proven before the backend is asked, and can be resent
BREAKER_FAILURES: Final = 8  # exchanges in a row without an answer, after which a backend is left alone
BREAKER_OPEN_SECONDS: Final = 5  # between two probes of a backend that is left alone
S3_XML_BODY_BYTES: Final = 65_536  # CreateBucketConfiguration and its like
S3_CONFIGURATION_BYTES: Final = 1_048_576  # a lifecycle of 1,000 rules and its like
DELETE_OBJECTS: Final = 1_000  # objects of one DeleteObjects; its page in the S3 API Reference
DELETE_OBJECTS_BYTES: Final = 2_097_152  # 1,000 keys of 1,024 bytes, some of them escaped; S3 has 2 MB too
UPLOAD_PARTS: Final = 10_000  # the highest part number; S3 User Guide, "Amazon S3 multipart upload limits"
COMPLETE_MULTIPART_BYTES: Final = 4_194_304  # 10,000 parts with their checksums
ANSWER_DOCUMENT_BYTES: Final = 16_777_216  # of a backend's XML that is read whole: 1,000 versions of long keys, escaped
OBJECT_PUT_BYTES: Final = 5 * 1024**3  # of one PutObject; S3 User Guide, "Uploading objects"
OBJECT_TAGS_SECONDS: Final = 0.9  # that a backend's answer about an object's tags is believed; one second is promised
OBJECT_TAGS_CACHED: Final = 4_096  # objects per worker whose tags are remembered for so long
OBJECT_TAGS: Final = 10  # S3 User Guide, "Categorizing your storage using tags"
ABSENT_BUCKETS: Final = 4_096  # names per worker that the backend was found not to have
ABSENT_BUCKET_SECONDS: Final = 5  # until the backend is asked again for one of them
CORS_RULES: Final = 100  # of one bucket; S3 User Guide, "CORS configuration"
LIST_BUCKETS_MAX: Final = 10_000  # MaxBuckets of ListBuckets, and its default
SLOW_DOCUMENT_SECONDS: Final = 10  # until, and between, signs of life to who waits for a document; SDKs wait for 60
ANSWER_AT_ONCE_BYTES: Final = 16_384  # of a backend's body are awaited whole before the answer begins
CLIENT_IDLE_SECONDS: Final = 20  # between two pieces of an object's body; S3 answers RequestTimeout after as long
CLIENT_BODY_BYTES_PER_SECOND: Final = 1_024  # a body slower than this on the whole is cut off as well
CLIENT_DRAIN_BYTES: Final = 262_144  # of a refused body are still read, so that the client sees the refusal
CLIENT_DRAIN_SECONDS: Final = 2
UPSTREAM_ERROR_BYTES: Final = 65_536  # of a backend's error body
CHUNK_BYTES_MIN: Final = 8_192  # of an aws-chunked chunk but the last; S3's InvalidChunkSizeError
CHUNK_LINE_BYTES: Final = 512  # of a chunk's header or a trailer; the longest in use has 100
FORM_FIELDS_BYTES: Final = 20_480  # of a browser's form before its file; S3 API Reference, "POST Object"
FORM_WHOLE_BYTES: Final = 262_144  # a form up to this may have fields after its file
POST_POLICY_CONDITIONS: Final = 200  # of a browser upload's policy; S3 states no number
CHUNK_TRAILERS: Final = 4  # before the checksum's reader, which knows one, sees them

# --- sign-in and console -------------------------------------------------------------------------------------
SIGNIN_TOKEN_SECONDS: Final = 900  # a SigninToken opens the console this long; IAM User Guide, "custom identity broker"
CONSOLE_SECONDS_MIN: Final = 900  # SessionDuration
CONSOLE_SECONDS_MAX: Final = 43_200  # SessionDuration; a console session never outlives its credentials
SIGNIN_BODY_BYTES: Final = 65_536  # of a form: a session token percent-encoded three times over
COOKIE_CHARS: Final = 3_500  # of one cookie; browsers keep 4,096 bytes with name and attributes (RFC 6265, 6.1)

# --- the authorizer -----------------------------------------------------------------------------------------
AUTHORIZE_BODY_BYTES: Final = 1_048_576  # of one question or batch
AUTHORIZE_AT_ONCE_BYTES: Final = 8_192  # of a question that is answered in a turn: at most some 2 ms of checks
AUTHORIZE_CHECKS: Final = 1_000  # of one question or batch; as many as DeleteObjects has keys
RESOURCE_POLICIES_CACHED: Final = 256  # that askers say their resources have, of up to BUCKET_POLICY_BYTES each
AUTHORIZER_TOKEN_CHARS: Final = 32  # at least, of what a TCP asker proves itself with: 128 bits in hexadecimal
TLS_HANDSHAKE_SECONDS: Final = 10  # then the connection is closed; asyncio gives 60
TLS_RENEWAL_SECONDS: Final = 60  # between two looks whether the authorizer's certificate was renewed

# --- the client package -------------------------------------------------------------------------------------
CLIENT_TIMEOUT_SECONDS: Final = 30  # of one call, unless its caller says otherwise
CLIENT_ANSWER_BYTES: Final = 1_048_576  # of an answer; STS's are about 6 KB, more than this is not STS
