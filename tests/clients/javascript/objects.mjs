// Objects by the AWS SDK for JavaScript v3 with credentials that are good for one prefix: prints a JSON line for each
// check. The environment gives the endpoint and keys (AWS_…) and where to work (ROUND_…).

import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const MIB = 1024 * 1024;
const Bucket = process.env.ROUND_BUCKET;
const prefix = process.env.ROUND_PREFIX;
const s3 = new S3Client({ maxAttempts: 1, forcePathStyle: true });
const within = (name) => ({ Bucket, Key: `${prefix}${name}` });
const secret = { Bucket, Key: "other/secret" };
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

async function check(name, run) {
  let line;
  try {
    line = { check: name, ok: true, detail: await run() };
  } catch (error) {
    line = { check: name, ok: false, detail: { error: String(error), code: error.name ?? null } };
  }
  console.log(JSON.stringify(line));
}

// What the command must fail with.
async function refused(run) {
  let answer;
  try {
    answer = await run();
  } catch (error) {
    return { code: error.name, status: error.$metadata.httpStatusCode, message: error.message };
  }
  throw new Error(`was allowed: ${JSON.stringify(answer.$metadata ?? null)}`);
}

await check("objects", async () => {
  const odd = within("ü +%2F#?&='()*!~.txt");
  const put = await s3.send(new PutObjectCommand({ ...odd, Body: "odd", Metadata: { origin: "here" } }));
  const head = await s3.send(new HeadObjectCommand({ ...odd, ChecksumMode: "ENABLED" }));
  const got = await s3.send(new GetObjectCommand(odd));
  const part = await s3.send(new GetObjectCommand({ ...odd, Range: "bytes=1-2" }));
  const CopySource = `${Bucket}/${odd.Key.split("/").map(encodeURIComponent).join("/")}`;
  await s3.send(new CopyObjectCommand({ ...within("copy"), CopySource }));
  const copy = await s3.send(new GetObjectCommand(within("copy")));
  await s3.send(new DeleteObjectCommand(within("copy")));
  return {
    sameTag: put.ETag === head.ETag && head.ETag === got.ETag,
    metadata: head.Metadata,
    bytes: head.ContentLength,
    got: String(await bytesOf(got)),
    part: String(await bytesOf(part)),
    copy: String(await bytesOf(copy)),
  };
});

await check("pages", async () => {
  for (const name of ["1", "2", "3", "4", "5"])
    await s3.send(new PutObjectCommand({ ...within(`pages/${name}`), Body: name }));
  const pages = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket, Prefix: `${prefix}pages/` }))
    pages.push(page.Contents.map((entry) => entry.Key.slice(prefix.length)));
  const Objects = pages.flat().map((name) => ({ Key: `${prefix}${name}` }));
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [...Objects, { Key: secret.Key }] } }));
  return {
    pages,
    deleted: gone.Deleted.length,
    errors: (gone.Errors ?? []).map((error) => [error.Key, error.Code]),
  };
});

await check("upload", async () => {
  const body = randomBytes(12 * MIB + 17);
  const seen = [];
  const upload = new Upload({
    client: s3,
    params: { ...within("large.bin"), Body: Readable.from(body) },
    partSize: 5 * MIB,
    queueSize: 3,
  });
  upload.on("httpUploadProgress", (progress) => seen.push(progress.part));
  const answer = await upload.done();
  const got = await s3.send(new GetObjectCommand(within("large.bin")));
  return { etag: answer.ETag, parts: seen.length, same: digest(await bytesOf(got)) === digest(body) };
});

await check("presigned", async () => {
  const command = new PutObjectCommand(within("by-url"));
  const send = async (client) => fetch(await getSignedUrl(client, command), { method: "PUT", body: "by url" });
  const code = async (answer) => [answer.status, (await answer.text()).match(/<Code>(\w+)<\/Code>/)?.[1] ?? null];
  // By default the SDK signs the checksum of the body that it is not given: only nothing may then be put.
  const ofNothing = await send(s3);
  const put = await send(new S3Client({ forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" }));
  const url = await getSignedUrl(s3, new GetObjectCommand(within("by-url")), { expiresIn: 60 });
  const got = await fetch(url);
  const altered = await fetch(url.replace(`${prefix}by-url`, secret.Key));
  const outside = await fetch(await getSignedUrl(s3, new GetObjectCommand(secret)));
  return {
    ofNothing: await code(ofNothing),
    put: put.status,
    got: await got.text(),
    altered: await code(altered),
    outside: await code(outside),
  };
});

const outside = {
  get: () => s3.send(new GetObjectCommand(secret)),
  put: () => s3.send(new PutObjectCommand({ Bucket, Key: "other/mine", Body: "mine" })),
  upload: () =>
    new Upload({
      client: s3,
      params: { Bucket, Key: "other/large", Body: Buffer.alloc(6 * MIB) },
      partSize: 5 * MIB,
    }).done(),
  copy: () => s3.send(new CopyObjectCommand({ ...within("stolen"), CopySource: `${Bucket}/${secret.Key}` })),
  delete: () => s3.send(new DeleteObjectCommand(secret)),
  list: () => s3.send(new ListObjectsV2Command({ Bucket, Prefix: "other/" })),
  "list-all": () => s3.send(new ListObjectsV2Command({ Bucket })),
  buckets: () => s3.send(new ListBucketsCommand({})),
};
for (const [name, run] of Object.entries(outside)) await check(`refused-${name}`, () => refused(run));
