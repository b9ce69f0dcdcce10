import com.amazonaws.AmazonServiceException;
import com.amazonaws.ClientConfiguration;
import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicSessionCredentials;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.S3ObjectSummary;
import com.amazonaws.services.securitytoken.AWSSecurityTokenService;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.AssumeRoleRequest;
import com.amazonaws.services.securitytoken.model.AssumeRoleResult;
import com.amazonaws.services.securitytoken.model.Credentials;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityResult;
import com.amazonaws.services.securitytoken.model.GetFederationTokenRequest;
import com.amazonaws.services.securitytoken.model.GetFederationTokenResult;
import com.amazonaws.services.securitytoken.model.MalformedPolicyDocumentException;
import com.amazonaws.services.securitytoken.model.PackedPolicyTooLargeException;
import com.amazonaws.services.securitytoken.model.PolicyDescriptorType;
import com.amazonaws.services.securitytoken.model.Tag;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * One round of the AWS SDK for Java 1.x against STS and S3: prints a JSON line for each check.
 * The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).
 */
public final class Round {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final ObjectMapper JSON = new ObjectMapper();
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

    private static void check(String name, Callable<Map<String, Object>> run) throws Exception {
        boolean ok = true;
        Map<String, Object> found;
        try {
            found = run.call();
        } catch (Exception error) {
            ok = false;
            found = detail("error", error.toString());
        }
        OUT.println(JSON.writeValueAsString(detail("check", name, "ok", ok, "detail", found)));
    }

    /** What the call must fail with: an exception of that class. */
    private static <E extends AmazonServiceException> Map<String, Object> refused(Class<E> type, Runnable call) {
        try {
            call.run();
        } catch (AmazonServiceException error) {
            if (!type.isInstance(error)) {
                throw error;
            }
            return detail(
                    "type", error.getClass().getSimpleName(),
                    "code", error.getErrorCode(),
                    "status", error.getStatusCode(),
                    "message", error.getErrorMessage(),
                    "requestId", error.getRequestId());
        }
        throw new IllegalStateException("was allowed");
    }

    private static Map<String, Object> shown(Credentials issued) {
        return detail(
                "accessKeyId", issued.getAccessKeyId(),
                "secretChars", issued.getSecretAccessKey().length(),
                "tokenChars", issued.getSessionToken().length(),
                "expiration", issued.getExpiration().getTime() / 1000);
    }

    private static AWSCredentialsProvider provider(Credentials issued) {
        return new AWSStaticCredentialsProvider(new BasicSessionCredentials(
                issued.getAccessKeyId(), issued.getSecretAccessKey(), issued.getSessionToken()));
    }

    private static EndpointConfiguration endpoint() {
        return new EndpointConfiguration(System.getenv("AWS_ENDPOINT_URL"), System.getenv("AWS_REGION"));
    }

    private static ClientConfiguration once() {
        return new ClientConfiguration().withMaxErrorRetry(0);
    }

    private static AWSSecurityTokenService sts(AWSCredentialsProvider provider) {
        return AWSSecurityTokenServiceClientBuilder.standard()
                .withEndpointConfiguration(endpoint())
                .withCredentials(provider)
                .withClientConfiguration(once())
                .build();
    }

    public static void main(String[] arguments) throws Exception {
        AWSSecurityTokenService sts = sts(DefaultAWSCredentialsProviderChain.getInstance());
        String bucket = asked("BUCKET");
        String prefix = asked("PREFIX");
        String policy = asked("POLICY");
        PolicyDescriptorType managed = new PolicyDescriptorType().withArn(asked("POLICY_ARN"));
        Tag tag = new Tag().withKey("team").withValue("blue");

        check("caller", () -> {
            GetCallerIdentityResult identity = sts.getCallerIdentity(new GetCallerIdentityRequest());
            return detail(
                    "account", identity.getAccount(), "arn", identity.getArn(), "userId", identity.getUserId());
        });

        check("federation", () -> {
            GetFederationTokenRequest request = new GetFederationTokenRequest()
                    .withName("Round-1")
                    .withPolicy(policy)
                    .withPolicyArns(managed)
                    .withDurationSeconds(1800)
                    .withTags(tag);
            GetFederationTokenResult answer = sts.getFederationToken(request);
            session = answer.getCredentials();
            Map<String, Object> found = shown(session);
            found.put("arn", answer.getFederatedUser().getArn());
            found.put("federatedUserId", answer.getFederatedUser().getFederatedUserId());
            found.put("packedPolicySize", answer.getPackedPolicySize());
            found.put("requestId", answer.getSdkResponseMetadata().getRequestId());
            return found;
        });

        check("malformed", () -> refused(
                MalformedPolicyDocumentException.class,
                () -> sts.getFederationToken(
                        new GetFederationTokenRequest().withName("Round-1").withPolicy("{"))));

        check("too-large", () -> refused(
                PackedPolicyTooLargeException.class,
                () -> sts.getFederationToken(new GetFederationTokenRequest("Round-1")
                        .withPolicy(policy)
                        .withPolicyArns(new PolicyDescriptorType().withArn(asked("LARGE_POLICY_ARN"))))));

        check("denied", () -> refused(
                AmazonServiceException.class,
                () -> sts(provider(session)).getFederationToken(new GetFederationTokenRequest("Round-2"))));

        check("role", () -> {
            AssumeRoleResult answer = sts.assumeRole(new AssumeRoleRequest()
                    .withRoleArn(asked("ROLE_ARN"))
                    .withRoleSessionName("Round-1")
                    .withPolicy(policy)
                    .withPolicyArns(managed)
                    .withDurationSeconds(900)
                    .withTags(tag)
                    .withTransitiveTagKeys("team")
                    .withExternalId(asked("EXTERNAL_ID"))
                    .withSourceIdentity("round"));
            Map<String, Object> found = shown(answer.getCredentials());
            found.put("arn", answer.getAssumedRoleUser().getArn());
            found.put("assumedRoleId", answer.getAssumedRoleUser().getAssumedRoleId());
            found.put("sourceIdentity", answer.getSourceIdentity());
            found.put("packedPolicySize", answer.getPackedPolicySize());
            found.put("caller", sts(provider(answer.getCredentials()))
                    .getCallerIdentity(new GetCallerIdentityRequest())
                    .getArn());
            return found;
        });

        AmazonS3 s3 = AmazonS3ClientBuilder.standard()
                .withEndpointConfiguration(endpoint())
                .withCredentials(provider(session))
                .withClientConfiguration(once())
                .withPathStyleAccessEnabled(true)
                .build();
        String key = prefix + "ü +%2F.txt";

        check("put", () -> detail("etag", "\"" + s3.putObject(bucket, key, BODY).getETag() + "\""));
        check("get", () -> detail(
                "body", s3.getObjectAsString(bucket, key),
                "etag", "\"" + s3.getObjectMetadata(bucket, key).getETag() + "\""));
        check("list", () -> {
            List<String> keys = new ArrayList<>();
            for (S3ObjectSummary summary : s3.listObjectsV2(bucket, prefix).getObjectSummaries()) {
                keys.add(summary.getKey());
            }
            return detail("keys", keys);
        });
        check("get-outside", () ->
                refused(AmazonServiceException.class, () -> s3.getObject(bucket, "outside/a.txt")));
        check("put-outside", () ->
                refused(AmazonServiceException.class, () -> s3.putObject(bucket, "outside/b.txt", BODY)));
    }
}
