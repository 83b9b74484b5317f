"""Why a prepared reply became its author's draft again: code -> what the author reads."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RETURNS: dict[str, Promise] = {
    "customer": _("The customer wrote before it was sent. Please read what is new and send again."),
    "colleague": _("A colleague answered or noted something first. Please read it and send again."),
    "merged": _("The conversation was merged or taken apart meanwhile. Please read it and send again."),
    "closed": _("The inquiry was closed, merged or marked as spam meanwhile."),
    "no_address": _("The customer's mail address was removed meanwhile."),
    "may_not": _("Its author may not send replies any more."),
    "cause": _("The store wants the cause, or the product, before an inquiry is closed."),
    "signature": _("The store's signature cannot be filled in."),
    "copies": _("A Cc or Bcc address cannot be used."),
    "sender": _("The address that it was to be sent from is not the store's any more, or its mailbox is paused."),
    "failed": _("It could not be sent for a technical reason. Please try again."),
}
