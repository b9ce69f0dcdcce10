// One round of the AWS SDK for JavaScript v3 against STS and S3: prints a JSON line for each check.
// The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).

import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  MalformedPolicyDocumentException,
  PackedPolicyTooLargeException,
  STSClient,
} from "@aws-sdk/client-sts";

const asked = (name) => {
  const value = process.env[`ROUND_${name}`];
  if (value === undefined) throw new Error(`ROUND_${name} is not set`);
  return value;
};

async function check(name, run) {
  let line;
  try {
    line = { check: name, ok: true, detail: await run() };
  } catch (error) {
    line = { check: name, ok: false, detail: { error: String(error) } };
  }
  console.log(JSON.stringify(line));
}

// What the call must fail with: instances of that class, if there is one for it.
async function refused(call, type = Error) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof type)) throw error;
    return {
      type: error.constructor.name,
      code: error.name,
      status: error.$metadata.httpStatusCode,
      message: error.message,
      requestId: error.$metadata.requestId ?? null,
    };
  }
  throw new Error("was allowed");
}

const once = { maxAttempts: 1 };
const credentialsOf = (issued) => ({
  accessKeyId: issued.AccessKeyId,
  secretAccessKey: issued.SecretAccessKey,
  sessionToken: issued.SessionToken,
});
const shown = (issued) => ({
  accessKeyId: issued.AccessKeyId,
  secretChars: issued.SecretAccessKey.length,
  tokenChars: issued.SessionToken.length,
  expiration: Math.floor(issued.Expiration.getTime() / 1000),
});

const sts = new STSClient(once);
const bucket = asked("BUCKET");
const prefix = asked("PREFIX");
const policy = asked("POLICY");
let session;

await check("caller", async () => {
  const identity = await sts.send(new GetCallerIdentityCommand({}));
  return { account: identity.Account, arn: identity.Arn, userId: identity.UserId };
});

await check("federation", async () => {
  const answer = await sts.send(
    new GetFederationTokenCommand({
      Name: "Round-1",
      Policy: policy,
      PolicyArns: [{ arn: asked("POLICY_ARN") }],
      DurationSeconds: 1800,
      Tags: [{ Key: "team", Value: "blue" }],
      MinimumSessionTokenSize: 3000,
    }),
  );
  session = credentialsOf(answer.Credentials);
  return {
    ...shown(answer.Credentials),
    arn: answer.FederatedUser.Arn,
    federatedUserId: answer.FederatedUser.FederatedUserId,
    packedPolicySize: answer.PackedPolicySize,
    sessionTokenSize: answer.SessionTokenSize,
    sessionTokenUtilization: answer.SessionTokenUtilization,
    requestId: answer.$metadata.requestId,
  };
});

await check("malformed", () =>
  refused(
    () => sts.send(new GetFederationTokenCommand({ Name: "Round-1", Policy: "{" })),
    MalformedPolicyDocumentException,
  ),
);

await check("too-large", () =>
  refused(
    () =>
      sts.send(
        new GetFederationTokenCommand({
          Name: "Round-1",
          Policy: policy,
          PolicyArns: [{ arn: asked("LARGE_POLICY_ARN") }],
        }),
      ),
    PackedPolicyTooLargeException,
  ),
);

await check("denied", () => {
  const federated = new STSClient({ ...once, credentials: session });
  return refused(() => federated.send(new GetFederationTokenCommand({ Name: "Round-2" })));
});

await check("role", async () => {
  const answer = await sts.send(
    new AssumeRoleCommand({
      RoleArn: asked("ROLE_ARN"),
      RoleSessionName: "Round-1",
      Policy: policy,
      PolicyArns: [{ arn: asked("POLICY_ARN") }],
      DurationSeconds: 900,
      Tags: [{ Key: "team", Value: "blue" }],
      TransitiveTagKeys: ["team"],
      ExternalId: asked("EXTERNAL_ID"),
      SourceIdentity: "round",
      MinimumSessionTokenSize: 3000,
    }),
  );
  const role = new STSClient({ ...once, credentials: credentialsOf(answer.Credentials) });
  const identity = await role.send(new GetCallerIdentityCommand({}));
  return {
    ...shown(answer.Credentials),
    arn: answer.AssumedRoleUser.Arn,
    assumedRoleId: answer.AssumedRoleUser.AssumedRoleId,
    sourceIdentity: answer.SourceIdentity,
    packedPolicySize: answer.PackedPolicySize,
    sessionTokenSize: answer.SessionTokenSize,
    sessionTokenUtilization: answer.SessionTokenUtilization,
    caller: identity.Arn,
  };
});

const s3 = new S3Client({ ...once, credentials: session, forcePathStyle: true });
const body = "of round 1 ü\n";

await check("put", async () => {
  const answer = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}ü +%2F.txt`, Body: body }));
  return { etag: answer.ETag };
});

await check("get", async () => {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}ü +%2F.txt` }));
  return { body: await answer.Body.transformToString(), etag: answer.ETag };
});

await check("list", async () => {
  const answer = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return { keys: (answer.Contents ?? []).map((entry) => entry.Key) };
});

await check("get-outside", () =>
  refused(() => s3.send(new GetObjectCommand({ Bucket: bucket, Key: "outside/a.txt" }))),
);

await check("put-outside", () =>
  refused(() => s3.send(new PutObjectCommand({ Bucket: bucket, Key: "outside/b.txt", Body: body }))),
);
