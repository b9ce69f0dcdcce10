//! One round of the AWS SDK for Rust against STS and S3: prints a JSON line for each check.
//! The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).

// PackedPolicySize is deprecated since September 2026 and still answered.
#![allow(deprecated)]

use std::env::var;
use std::error::Error;
use std::fmt::Debug;

use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sts::types;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use serde_json::{Value, json};

type Checked = Result<Value, Box<dyn Error>>;

const BODY: &str = "of round 1 ü\n";

fn asked(name: &str) -> String {
    let name = format!("ROUND_{name}");
    var(&name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn told(check: &str, found: Checked) {
    let ok = found.is_ok();
    let detail = found.unwrap_or_else(|error| json!({"error": format!("{error:?}")}));
    println!("{}", json!({"check": check, "ok": ok, "detail": detail}));
}

/// What the call failed with; `typed` gives the name of its type, if it is one that it may be.
fn refused<T, E>(answer: Result<T, SdkError<E>>, typed: impl Fn(&E) -> Option<&'static str>) -> Checked
where
    E: ProvideErrorMetadata + Debug,
    SdkError<E>: RequestId,
{
    let Err(error) = answer else {
        return Err("was allowed".into());
    };
    let request_id = error.request_id().map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let Some((error, name)) = error.as_service_error().and_then(|error| Some((error, typed(error)?))) else {
        return Err(format!("{error:?}").into());
    };
    Ok(json!({
        "type": name,
        "code": error.code(),
        "status": status,
        "message": error.message(),
        "requestId": request_id,
    }))
}

fn shown(issued: &types::Credentials) -> Value {
    json!({
        "accessKeyId": issued.access_key_id(),
        "secretChars": issued.secret_access_key().len(),
        "tokenChars": issued.session_token().len(),
        "expiration": issued.expiration().secs(),
    })
}

fn with(mut detail: Value, more: Value) -> Value {
    if let (Value::Object(whole), Value::Object(more)) = (&mut detail, more) {
        whole.extend(more);
    }
    detail
}

fn provider(issued: &types::Credentials) -> Credentials {
    let token = Some(issued.session_token().to_owned());
    Credentials::new(issued.access_key_id(), issued.secret_access_key(), token, None, "round")
}

fn named(arn: String) -> types::PolicyDescriptorType {
    types::PolicyDescriptorType::builder().arn(arn).build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut trusted = TrustStore::empty();
    if let Ok(bundle) = var("AWS_CA_BUNDLE") {
        trusted = trusted.with_pem_certificate(std::fs::read(bundle)?);
    }
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let settings = aws_config::from_env()
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let sts = aws_sdk_sts::Client::new(&settings);
    let (bucket, prefix, policy) = (asked("BUCKET"), asked("PREFIX"), asked("POLICY"));
    let tag = types::Tag::builder().key("team").value("blue").build()?;

    let caller = async || -> Checked {
        let identity = sts.get_caller_identity().send().await?;
        Ok(json!({"account": identity.account(), "arn": identity.arn(), "userId": identity.user_id()}))
    };
    told("caller", caller().await);

    let federation = sts
        .get_federation_token()
        .name("Round-1")
        .policy(&policy)
        .policy_arns(named(asked("POLICY_ARN")))
        .duration_seconds(1800)
        .tags(tag.clone())
        .minimum_session_token_size(3000)
        .send()
        .await?;
    let session = federation.credentials().ok_or("no credentials")?;
    let user = federation.federated_user().ok_or("no federated user")?;
    told(
        "federation",
        Ok(with(
            shown(session),
            json!({
                "arn": user.arn(),
                "federatedUserId": user.federated_user_id(),
                "packedPolicySize": federation.packed_policy_size(),
                "sessionTokenSize": federation.session_token_size(),
                "sessionTokenUtilization": federation.session_token_utilization(),
            }),
        )),
    );

    let malformed = sts.get_federation_token().name("Round-1").policy("{").send().await;
    told(
        "malformed",
        refused(malformed, |error| {
            error
                .is_malformed_policy_document_exception()
                .then_some("MalformedPolicyDocumentException")
        }),
    );

    let large = sts
        .get_federation_token()
        .name("Round-1")
        .policy(&policy)
        .policy_arns(named(asked("LARGE_POLICY_ARN")));
    told(
        "too-large",
        refused(large.send().await, |error| {
            error
                .is_packed_policy_too_large_exception()
                .then_some("PackedPolicyTooLargeException")
        }),
    );

    let federated = aws_sdk_sts::config::Builder::from(&settings)
        .credentials_provider(provider(session))
        .build();
    let denied = aws_sdk_sts::Client::from_conf(federated)
        .get_federation_token()
        .name("Round-2")
        .send()
        .await;
    told("denied", refused(denied, |_| Some("")));

    let role = async || -> Checked {
        let answer = sts
            .assume_role()
            .role_arn(asked("ROLE_ARN"))
            .role_session_name("Round-1")
            .policy(&policy)
            .policy_arns(named(asked("POLICY_ARN")))
            .duration_seconds(900)
            .tags(tag.clone())
            .transitive_tag_keys("team")
            .external_id(asked("EXTERNAL_ID"))
            .source_identity("round")
            .minimum_session_token_size(3000)
            .send()
            .await?;
        let issued = answer.credentials().ok_or("no credentials")?;
        let user = answer.assumed_role_user().ok_or("no assumed role user")?;
        let assumed = aws_sdk_sts::config::Builder::from(&settings)
            .credentials_provider(provider(issued))
            .build();
        let identity = aws_sdk_sts::Client::from_conf(assumed)
            .get_caller_identity()
            .send()
            .await?;
        Ok(with(
            shown(issued),
            json!({
                "arn": user.arn(),
                "assumedRoleId": user.assumed_role_id(),
                "sourceIdentity": answer.source_identity(),
                "packedPolicySize": answer.packed_policy_size(),
                "sessionTokenSize": answer.session_token_size(),
                "sessionTokenUtilization": answer.session_token_utilization(),
                "caller": identity.arn(),
            }),
        ))
    };
    told("role", role().await);

    let narrowed = aws_sdk_s3::config::Builder::from(&settings)
        .credentials_provider(provider(session))
        .force_path_style(true)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(narrowed);
    let key = format!("{prefix}ü +%2F.txt");
    let body = || ByteStream::from_static(BODY.as_bytes());

    let put = async || -> Checked {
        let answer = s3.put_object().bucket(&bucket).key(&key).body(body()).send().await?;
        Ok(json!({"etag": answer.e_tag()}))
    };
    told("put", put().await);

    let get = async || -> Checked {
        let answer = s3.get_object().bucket(&bucket).key(&key).send().await?;
        let etag = answer.e_tag().map(str::to_owned);
        let content = String::from_utf8(answer.body.collect().await?.to_vec())?;
        Ok(json!({"body": content, "etag": etag}))
    };
    told("get", get().await);

    let list = async || -> Checked {
        let answer = s3.list_objects_v2().bucket(&bucket).prefix(&prefix).send().await?;
        Ok(json!({"keys": answer.contents().iter().map(|entry| entry.key()).collect::<Vec<_>>()}))
    };
    told("list", list().await);

    let outside = s3.get_object().bucket(&bucket).key("outside/a.txt").send().await;
    told("get-outside", refused(outside, |_| Some("")));
    let outside = s3
        .put_object()
        .bucket(&bucket)
        .key("outside/b.txt")
        .body(body())
        .send()
        .await;
    told("put-outside", refused(outside, |_| Some("")));
    Ok(())
}
