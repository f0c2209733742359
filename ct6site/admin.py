"""Who may log in, with which rights, and over which tokens; alerts, and where they are sent."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget

from ct6site import overview
from ct6site.models import Alert, AlertChannel, ApiToken, User
from ct6site.operations import testing_channels
from ct6site.operations.troubles import TITLES
from ct6site.tokens import scopes_of
from devices import granting
from devices.access import Right
from devices.models import DeviceGrant

# The schedule and the rest of these packages' tables are settled by our settings and code, not by hand.
for _label in ("django_celery_beat", "django_celery_results", "django_plotly_dash"):
    for _model in apps.get_app_config(_label).get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)
admin.site.unregister(Group)
admin.site.index_template = overview.TEMPLATE

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """Users. Rights are given by superusers only, and only they touch other superusers."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "last_login")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        own = ("last_login", "date_joined")
        return own if request.user.is_superuser else (*own, *_RIGHTS)


class DeviceGrantInline(TabularInline):
    model = DeviceGrant
    fields = ("device", *(str(right) for right in Right))
    extra = 0
    verbose_name = _("device")
    verbose_name_plural = _("Devices that its users see, and what they may do to them")
    hide_title = True


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups, with the devices that their users see and what they may do to them. Staff see every device."""

    inlines = (DeviceGrantInline,)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with granting.noted(form.instance, request.user):
            super().save_related(request, form, formsets, change)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        with granting.noted(obj, request.user):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            self.delete_model(request, group)


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ApiToken
        fields = ("user", "name", "scope", "expires")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        user, scope = values.get("user"), values.get("scope")
        if user and scope and scope not in scopes_of(user):
            problem = gettext("%(user)s may change nothing, and a token may do no more than its user: only read.")
            self.add_error("scope", problem % {"user": user})
        return values


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Keys to the REST API. Everybody has their own; superusers see all."""

    form = ApiTokenForm
    list_display = ("name", "user", "scope", "created", "last_used", "expires")
    list_display_links = ("name", "user")
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        tokens: QuerySet[ApiToken] = super().get_queryset(request)
        return tokens if request.user.is_superuser else tokens.filter(user=request.user.pk)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        given = ("user", "name", "scope", "expires")
        if obj is not None:
            return (*given, "created", "last_used")
        return given if request.user.is_superuser else given[1:]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return ("user", "scope", "created", "last_used") if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: ApiToken, form: ApiTokenForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        if isinstance(request.user, User) and not request.user.is_superuser:
            obj.user = request.user
        text = obj.draw_text()
        super().save_model(request, obj, form, change)
        shown_once = gettext("This is the token. Copy it now: it is not shown again. {token}")
        messages.warning(request, format_html(shown_once, token=format_html("<code>{}</code>", text)))


class AlertChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """The address is written only: a page never holds the one that is stored."""

    address = forms.CharField(
        label=_("address"),
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(),
        help_text=_(
            "For example ntfys://ntfy.sh/TOPIC, or jsons://server/path for a webhook, or "
            "mailtos://user:password@server?from=ct6@example.org&to=somebody@example.org for e-mail, or any other "
            "address of the package Apprise. It is stored encrypted and not shown again; left empty, it stays as it is."
        ),
    )

    class Meta:
        model = AlertChannel
        fields = ("name", "address", "enabled", "about_units", "about_parts")

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        if not address and not self.instance.secret:
            raise forms.ValidationError(gettext("Without an address nothing can be sent."))
        if address and (problem := testing_channels.problem_of(address)):
            raise forms.ValidationError(problem)
        return address

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["address"]:
            self.instance.address = self.cleaned_data["address"]
        return super().save(commit)


@admin.register(AlertChannel)
class AlertChannelAdmin(ModelAdmin):
    """Where alerts are sent, and how that went."""

    form = AlertChannelForm
    list_display = ("name", "enabled", "about_units", "about_parts", "last_success", "last_failure", "trouble")
    actions_submit_line = ("send_test_message",)

    def get_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> tuple[str, ...]:
        chosen = ("enabled", "about_units", "about_parts")
        if obj is None:
            return ("name", "address", *chosen)
        address = ("address",) if self.has_change_permission(request, obj) else ()
        return ("name", *address, *chosen, "last_success", "last_failure", "trouble")

    def get_readonly_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> tuple[str, ...]:
        return ("last_success", "last_failure", "trouble")

    @admin.display(description=_("Trouble"))
    def trouble(self, channel: AlertChannel) -> str:
        return channel.trouble or "-"

    @action(description=_("Send a test message"), icon="send", permissions=["change"])
    def send_test_message(self, request: HttpRequest, channel: AlertChannel) -> None:
        testing_channels.send_test_message(channel, timezone.now())
        if channel.trouble:
            words = gettext("The test message was not sent by %(channel)s: %(trouble)s")
            self.message_user(request, words % {"channel": channel, "trouble": channel.trouble}, messages.ERROR)
        else:
            words = gettext("The test message was taken by %(channel)s. See whether it has arrived.")
            self.message_user(request, words % {"channel": channel}, messages.SUCCESS)


@admin.register(Alert)
class AlertAdmin(ModelAdmin):
    """Who fell silent or what went wrong, since when, and until when. Nothing is edited here."""

    list_display = ("subject", "words", "since", "opened", "told_at", "flapping", "ended")
    list_display_links = None
    list_filter = (("ended", admin.EmptyFieldListFilter), "flapping")
    list_select_related = ("device",)
    search_fields = ("part", "device__name", "device__assy")

    @admin.display(description=_("Who or what"), ordering="device__name")
    def subject(self, alert: Alert) -> str:
        return str(alert.device) if alert.device else str(TITLES.get(alert.part, alert.part))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
