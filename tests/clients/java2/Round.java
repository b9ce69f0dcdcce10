import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.sts.StsClient;
import software.amazon.awssdk.services.sts.model.AssumeRoleResponse;
import software.amazon.awssdk.services.sts.model.Credentials;
import software.amazon.awssdk.services.sts.model.GetCallerIdentityResponse;
import software.amazon.awssdk.services.sts.model.GetFederationTokenResponse;
import software.amazon.awssdk.services.sts.model.MalformedPolicyDocumentException;
import software.amazon.awssdk.services.sts.model.PackedPolicyTooLargeException;
import software.amazon.awssdk.services.sts.model.PolicyDescriptorType;
import software.amazon.awssdk.services.sts.model.Tag;

/**
 * One round of the AWS SDK for Java 2.x against STS and S3: prints a JSON line for each check.
 * The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).
 */
public final class Round {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final String BODY = "of round 1 ü\n";
    private static Credentials session;

    private static String asked(String name) {
        String value = System.getenv("ROUND_" + name);
        if (value == null) {
            throw new IllegalStateException("ROUND_" + name + " is not set");
        }
        return value;
    }

    private static Map<String, Object> detail(Object... pairs) {
        Map<String, Object> found = new LinkedHashMap<>();
        for (int n = 0; n < pairs.length; n += 2) {
            found.put((String) pairs[n], pairs[n + 1]);
        }
        return found;
    }

    /** The value as JSON: of what this program prints, and nothing else. */
    private static String json(Object value) {
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Round::json).collect(Collectors.joining(",", "[", "]"));
        }
        StringBuilder text = new StringBuilder("\"");
        for (char letter : value.toString().toCharArray()) {
            if (letter == '"' || letter == '\\') {
                text.append('\\').append(letter);
            } else if (letter < ' ') {
                text.append(String.format("\\u%04x", (int) letter));
            } else {
                text.append(letter);
            }
        }
        return text.append('"').toString();
    }

    private static void check(String name, Callable<Map<String, Object>> run) {
        boolean ok = true;
        Map<String, Object> found;
        try {
            found = run.call();
        } catch (Exception error) {
            ok = false;
            found = detail("error", error.toString());
        }
        OUT.println(json(detail("check", name, "ok", ok, "detail", found)));
    }

    /** What the call must fail with: an exception of that class. */
    private static <E extends AwsServiceException> Map<String, Object> refused(Class<E> type, Runnable call) {
        try {
            call.run();
        } catch (AwsServiceException error) {
            if (!type.isInstance(error)) {
                throw error;
            }
            return detail(
                    "type", error.getClass().getSimpleName(),
                    "code", error.awsErrorDetails().errorCode(),
                    "status", error.statusCode(),
                    "message", error.awsErrorDetails().errorMessage(),
                    "requestId", error.requestId());
        }
        throw new IllegalStateException("was allowed");
    }

    private static Map<String, Object> shown(Credentials issued) {
        return detail(
                "accessKeyId", issued.accessKeyId(),
                "secretChars", issued.secretAccessKey().length(),
                "tokenChars", issued.sessionToken().length(),
                "expiration", issued.expiration().getEpochSecond());
    }

    private static AwsCredentialsProvider provider(Credentials issued) {
        return StaticCredentialsProvider.create(AwsSessionCredentials.create(
                issued.accessKeyId(), issued.secretAccessKey(), issued.sessionToken()));
    }

    private static ClientOverrideConfiguration once() {
        return ClientOverrideConfiguration.builder()
                .retryStrategy(DefaultRetryStrategy.doNotRetry())
                .build();
    }

    private static StsClient sts(AwsCredentialsProvider provider) {
        return StsClient.builder()
                .credentialsProvider(provider)
                .overrideConfiguration(once())
                .httpClient(UrlConnectionHttpClient.create())
                .build();
    }

    public static void main(String[] arguments) {
        StsClient sts = sts(DefaultCredentialsProvider.builder().build());
        String bucket = asked("BUCKET");
        String prefix = asked("PREFIX");
        String policy = asked("POLICY");
        PolicyDescriptorType managed =
                PolicyDescriptorType.builder().arn(asked("POLICY_ARN")).build();
        Tag tag = Tag.builder().key("team").value("blue").build();

        check("caller", () -> {
            GetCallerIdentityResponse identity = sts.getCallerIdentity();
            return detail("account", identity.account(), "arn", identity.arn(), "userId", identity.userId());
        });

        check("federation", () -> {
            GetFederationTokenResponse answer = sts.getFederationToken(request -> request.name("Round-1")
                    .policy(policy)
                    .policyArns(managed)
                    .durationSeconds(1800)
                    .tags(tag)
                    .minimumSessionTokenSize(3000));
            session = answer.credentials();
            Map<String, Object> found = shown(session);
            found.put("arn", answer.federatedUser().arn());
            found.put("federatedUserId", answer.federatedUser().federatedUserId());
            found.put("packedPolicySize", answer.packedPolicySize());
            found.put("sessionTokenSize", answer.sessionTokenSize());
            found.put("sessionTokenUtilization", answer.sessionTokenUtilization());
            found.put("requestId", answer.responseMetadata().requestId());
            return found;
        });

        check("malformed", () -> refused(
                MalformedPolicyDocumentException.class,
                () -> sts.getFederationToken(request -> request.name("Round-1").policy("{"))));

        check("too-large", () -> refused(
                PackedPolicyTooLargeException.class,
                () -> sts.getFederationToken(request -> request.name("Round-1")
                        .policy(policy)
                        .policyArns(PolicyDescriptorType.builder()
                                .arn(asked("LARGE_POLICY_ARN"))
                                .build()))));

        check("denied", () -> refused(
                AwsServiceException.class,
                () -> sts(provider(session)).getFederationToken(request -> request.name("Round-2"))));

        check("role", () -> {
            AssumeRoleResponse answer = sts.assumeRole(request -> request.roleArn(asked("ROLE_ARN"))
                    .roleSessionName("Round-1")
                    .policy(policy)
                    .policyArns(managed)
                    .durationSeconds(900)
                    .tags(tag)
                    .transitiveTagKeys("team")
                    .externalId(asked("EXTERNAL_ID"))
                    .sourceIdentity("round")
                    .minimumSessionTokenSize(3000));
            Map<String, Object> found = shown(answer.credentials());
            found.put("arn", answer.assumedRoleUser().arn());
            found.put("assumedRoleId", answer.assumedRoleUser().assumedRoleId());
            found.put("sourceIdentity", answer.sourceIdentity());
            found.put("packedPolicySize", answer.packedPolicySize());
            found.put("sessionTokenSize", answer.sessionTokenSize());
            found.put("sessionTokenUtilization", answer.sessionTokenUtilization());
            found.put("caller", sts(provider(answer.credentials())).getCallerIdentity().arn());
            return found;
        });

        S3Client s3 = S3Client.builder()
                .credentialsProvider(provider(session))
                .overrideConfiguration(once())
                .httpClient(UrlConnectionHttpClient.create())
                .forcePathStyle(true)
                .build();
        String key = prefix + "ü +%2F.txt";

        check("put", () -> detail(
                "etag",
                s3.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromString(BODY))
                        .eTag()));
        check("get", () -> {
            var answer = s3.getObjectAsBytes(request -> request.bucket(bucket).key(key));
            return detail("body", answer.asUtf8String(), "etag", answer.response().eTag());
        });
        check("list", () -> detail(
                "keys",
                s3.listObjectsV2(request -> request.bucket(bucket).prefix(prefix)).contents().stream()
                        .map(S3Object::key)
                        .toList()));
        check("get-outside", () -> refused(
                AwsServiceException.class,
                () -> s3.getObjectAsBytes(request -> request.bucket(bucket).key("outside/a.txt"))));
        check("put-outside", () -> refused(
                AwsServiceException.class,
                () -> s3.putObject(
                        request -> request.bucket(bucket).key("outside/b.txt"), RequestBody.fromString(BODY))));
    }
}
