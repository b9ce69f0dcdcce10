"""AWS Query, the protocol of STS and IAM: form → checked parameters; result or error → XML or JSON.

form: a request is a form, or no call at all. parameters: the form by the operation's model. answer: the way back.
Headers of the answer are the edge's.
"""

from daypass.wire.query.answer import FAULT_NAMESPACE, render_error, render_result
from daypass.wire.query.form import Dispatched, not_served, operation_of, parse_form
from daypass.wire.query.parameters import parse_call
from daypass.wire.query.values import Call, Form

__all__ = [
    "FAULT_NAMESPACE",
    "Call",
    "Dispatched",
    "Form",
    "not_served",
    "operation_of",
    "parse_call",
    "parse_form",
    "render_error",
    "render_result",
]
