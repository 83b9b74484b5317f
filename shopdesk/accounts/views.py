"""One's own account: language, name, time zone."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.http import require_POST

from shopdesk.accounts import hours
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.fields import field_of, save_form


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Django's own switch; staff keep their choice with their account."""
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language in {"ja", "en"}:
        request.user.language = language
        request.user.save(update_fields=["language"])
    return i18n.set_language(request)


def shut(request: HttpRequest) -> HttpResponse:
    """A page of allauth that does not exist here."""
    raise Http404


TIME_ZONES = [
    ("Asia/Tokyo", "Asia/Tokyo"),
    ("Asia/Seoul", "Asia/Seoul"),
    ("Asia/Shanghai", "Asia/Shanghai"),
    ("Asia/Singapore", "Asia/Singapore"),
    ("Australia/Sydney", "Australia/Sydney"),
    ("Europe/London", "Europe/London"),
    ("America/New_York", "America/New_York"),
    ("America/Los_Angeles", "America/Los_Angeles"),
    ("UTC", "UTC"),
]


class ProfileForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(choices=TIME_ZONES)

    class Meta:
        model = User
        fields = ("name", "alias", "language", "time_zone")
        formfield_callback = field_of

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as Django gave them
        self.fields["time_zone"].label = _("Time zone")


@staff_view()
def profile(request: StaffRequest) -> HttpResponse:
    """Name, name shown to customers, language and time zone of the person who is signed in."""
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        save_form(form)  # not the role, nor whether the account is open
        messages.success(request, _("Saved."))
        return redirect("profile")
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "hours": hours.told(request.user), "nav_active": "profile"}
    return render(request, "accounts/profile.html", context, status=status)
