// One round of the AWS SDK for Go v2 against STS and S3: prints a JSON line for each check.
// The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

type detail map[string]any

const body = "of round 1 ü\n"

func asked(name string) string {
	value, found := os.LookupEnv("ROUND_" + name)
	if !found {
		panic("ROUND_" + name + " is not set")
	}
	return value
}

func check(name string, run func() (detail, error)) {
	found, err := run()
	if err != nil {
		found = detail{"error": err.Error()}
	}
	line, _ := json.Marshal(map[string]any{"check": name, "ok": err == nil, "detail": found})
	fmt.Println(string(line))
}

// refused is what the call failed with; typed says whether the error is of the type it must be.
func refused(err error, typed func(error) (string, bool)) (detail, error) {
	if err == nil {
		return nil, errors.New("was allowed")
	}
	name, matches := typed(err)
	var coded smithy.APIError
	var response *awshttp.ResponseError
	if !matches || !errors.As(err, &coded) || !errors.As(err, &response) {
		return nil, err
	}
	return detail{
		"type":      name,
		"code":      coded.ErrorCode(),
		"status":    response.HTTPStatusCode(),
		"message":   coded.ErrorMessage(),
		"requestId": response.ServiceRequestID(),
	}, nil
}

func anyType(error) (string, bool) { return "", true }

func shown(issued *types.Credentials) detail {
	return detail{
		"accessKeyId": *issued.AccessKeyId,
		"secretChars": len(*issued.SecretAccessKey),
		"tokenChars":  len(*issued.SessionToken),
		"expiration":  issued.Expiration.Unix(),
	}
}

func provider(issued *types.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(*issued.AccessKeyId, *issued.SecretAccessKey, *issued.SessionToken)
}

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	if err != nil {
		panic(err)
	}
	client := sts.NewFromConfig(settings)
	bucket, prefix, policy := asked("BUCKET"), asked("PREFIX"), asked("POLICY")
	policyArns := []types.PolicyDescriptorType{{Arn: aws.String(asked("POLICY_ARN"))}}
	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}

	check("caller", func() (detail, error) {
		identity, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, err
		}
		return detail{"account": *identity.Account, "arn": *identity.Arn, "userId": *identity.UserId}, nil
	})

	var session *types.Credentials
	check("federation", func() (detail, error) {
		answer, err := client.GetFederationToken(ctx, &sts.GetFederationTokenInput{
			Name:                    aws.String("Round-1"),
			Policy:                  &policy,
			PolicyArns:              policyArns,
			DurationSeconds:         aws.Int32(1800),
			Tags:                    tags,
			MinimumSessionTokenSize: aws.Int32(3000),
		})
		if err != nil {
			return nil, err
		}
		session = answer.Credentials
		found := shown(session)
		found["arn"] = *answer.FederatedUser.Arn
		found["federatedUserId"] = *answer.FederatedUser.FederatedUserId
		found["packedPolicySize"] = *answer.PackedPolicySize
		found["sessionTokenSize"] = *answer.SessionTokenSize
		found["sessionTokenUtilization"] = *answer.SessionTokenUtilization
		return found, nil
	})
	if session == nil {
		os.Exit(1)
	}

	check("malformed", func() (detail, error) {
		_, err := client.GetFederationToken(ctx, &sts.GetFederationTokenInput{
			Name: aws.String("Round-1"), Policy: aws.String("{"),
		})
		return refused(err, func(err error) (string, bool) {
			var malformed *types.MalformedPolicyDocumentException
			return "MalformedPolicyDocumentException", errors.As(err, &malformed)
		})
	})

	check("too-large", func() (detail, error) {
		_, err := client.GetFederationToken(ctx, &sts.GetFederationTokenInput{
			Name:       aws.String("Round-1"),
			Policy:     &policy,
			PolicyArns: []types.PolicyDescriptorType{{Arn: aws.String(asked("LARGE_POLICY_ARN"))}},
		})
		return refused(err, func(err error) (string, bool) {
			var large *types.PackedPolicyTooLargeException
			return "PackedPolicyTooLargeException", errors.As(err, &large)
		})
	})

	check("denied", func() (detail, error) {
		federated := sts.NewFromConfig(settings, func(o *sts.Options) { o.Credentials = provider(session) })
		_, err := federated.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("Round-2")})
		return refused(err, anyType)
	})

	check("role", func() (detail, error) {
		answer, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{
			RoleArn:                 aws.String(asked("ROLE_ARN")),
			RoleSessionName:         aws.String("Round-1"),
			Policy:                  &policy,
			PolicyArns:              policyArns,
			DurationSeconds:         aws.Int32(900),
			Tags:                    tags,
			TransitiveTagKeys:       []string{"team"},
			ExternalId:              aws.String(asked("EXTERNAL_ID")),
			SourceIdentity:          aws.String("round"),
			MinimumSessionTokenSize: aws.Int32(3000),
		})
		if err != nil {
			return nil, err
		}
		role := sts.NewFromConfig(settings, func(o *sts.Options) { o.Credentials = provider(answer.Credentials) })
		identity, err := role.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, err
		}
		found := shown(answer.Credentials)
		found["arn"] = *answer.AssumedRoleUser.Arn
		found["assumedRoleId"] = *answer.AssumedRoleUser.AssumedRoleId
		found["sourceIdentity"] = *answer.SourceIdentity
		found["packedPolicySize"] = *answer.PackedPolicySize
		found["sessionTokenSize"] = *answer.SessionTokenSize
		found["sessionTokenUtilization"] = *answer.SessionTokenUtilization
		found["caller"] = *identity.Arn
		return found, nil
	})

	objects := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.Credentials = provider(session)
		o.UsePathStyle = true
	})
	key := prefix + "ü +%2F.txt"

	check("put", func() (detail, error) {
		answer, err := objects.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: strings.NewReader(body),
		})
		if err != nil {
			return nil, err
		}
		return detail{"etag": *answer.ETag}, nil
	})

	check("get", func() (detail, error) {
		answer, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		return detail{"body": string(content), "etag": *answer.ETag}, err
	})

	check("list", func() (detail, error) {
		answer, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		if err != nil {
			return nil, err
		}
		keys := []string{}
		for _, entry := range answer.Contents {
			keys = append(keys, *entry.Key)
		}
		return detail{"keys": keys}, nil
	})

	check("get-outside", func() (detail, error) {
		_, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("outside/a.txt")})
		return refused(err, anyType)
	})

	check("put-outside", func() (detail, error) {
		_, err := objects.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String("outside/b.txt"), Body: strings.NewReader(body),
		})
		return refused(err, anyType)
	})
}
