"""Who may log in, with which rights, and over which tokens."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ct6site.models import ApiToken, User
from ct6site.tokens import scopes_of
from devices.access import Right
from devices.models import DeviceGrant

# The schedule and the rest of these packages' tables are settled by our settings and code, not by hand.
for _label in ("django_celery_beat", "django_celery_results", "django_plotly_dash"):
    for _model in apps.get_app_config(_label).get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)
admin.site.unregister(Group)

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


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ApiToken
        fields = ("user", "name", "scope", "expires")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        user, scope = values.get("user"), values.get("scope")
        if user and scope and scope not in scopes_of(user):
            problem = gettext("%(user)s is not staff, and a token may do no more than its user: only read.")
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
