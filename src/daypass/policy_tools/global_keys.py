"""The condition keys that requests of every service may carry, which the list of published actions leaves out.

Source: IAM User Guide, "AWS global condition context keys" (its table of keys, with the data type of each).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_TYPE: Final = {
    "String": """
        aws:PrincipalAccount aws:PrincipalOrgID aws:PrincipalTag/* aws:PrincipalServiceName aws:PrincipalType
        aws:userid aws:username aws:AssumedRoot aws:FederatedProvider aws:Ec2InstanceSourceVpc aws:SourceIdentity
        aws:SourceVpc aws:SourceVpce aws:VpceAccount aws:VpceOrgID aws:ResourceAccount aws:ResourceOrgID
        aws:ResourceTag/* aws:CalledViaFirst aws:CalledViaLast aws:CalledViaAWSMCP aws:referer aws:RequestedRegion
        aws:RequestTag/* aws:SourceAccount aws:SourceOrgID aws:UserAgent
        glue:RoleAssumedBy glue:CredentialIssuingService identitystore:UserId
    """,
    "ArrayOfString": """
        aws:PrincipalOrgPaths aws:PrincipalServiceNamesList aws:VpceOrgPaths aws:ResourceOrgPaths aws:CalledVia
        aws:TagKeys aws:SourceOrgPaths
    """,
    "ARN": """
        aws:PrincipalArn aws:SourceArn aws:SourceVpcArn aws:ChatbotSourceArn aws:SignInSessionArn
        ec2:SourceInstanceArn codebuild:BuildArn codebuild:ProjectArn lambda:SourceFunctionArn ssm:SourceInstanceArn
    """,
    "Bool": """
        aws:PrincipalIsAWSService aws:MultiFactorAuthPresent aws:ViaAWSService aws:ViaAWSMCPService
        aws:SecureTransport aws:IsMcpServiceAction
    """,
    "Numeric": "aws:MultiFactorAuthAge ec2:RoleDelivery",
    "Date": "aws:TokenIssueTime aws:CurrentTime aws:EpochTime",
    "IPAddress": "aws:SourceIp aws:VpcSourceIp aws:Ec2InstanceSourcePrivateIPv4",
}

# As written in AWS's documentation → type. `*` is a tag key of the caller's choosing.
GLOBAL_KEYS: Final[Mapping[str, str]] = {key: kind for kind, keys in _BY_TYPE.items() for key in keys.split()}
