"""The files on a unit over the REST API: each call asks the unit, and needs a right of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from devices import unit_files
from devices.access import Operate, Right
from devices.api_factory import as_file
from devices.api_fields import QueryParameters
from devices.api_units import UnitViewSet, refused_or_failed, sent
from devices.ct6.errors import DestructiveValue, UnitError
from devices.unit_files import FileRefused, Listing

# More than the whole flash of a unit; what does not fit is refused with the numbers.
MAX_UPLOAD_BYTES = 1024 * 1024
_REFUSALS = (FileRefused, DestructiveValue)
Result = TypeVar("Result")


class EntrySerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    folder = serializers.BooleanField()
    protected = serializers.BooleanField(help_text=_("It can neither be removed nor overwritten by hand."))


class ListingSerializer(serializers.Serializer[Any]):
    active_folder = serializers.CharField(help_text=_("The application that the unit starts."))
    entries = EntrySerializer(many=True)


class TextSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    text = serializers.CharField(help_text=_("Passwords are hidden."))


class PathSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(max_length=256, trim_whitespace=False)


class Path(QueryParameters):
    path = serializers.CharField(max_length=256, trim_whitespace=False)


class FileUpload(serializers.Serializer[Any]):
    folder = serializers.CharField(max_length=256, trim_whitespace=False, help_text=_("One that is there; / is fine."))
    file = serializers.FileField(max_length=128, allow_empty_file=True)
    replace = serializers.BooleanField(default=False, help_text=_("Overwrite a file that is there already."))


class FilesViewSet(UnitViewSet):
    permission_classes = (Operate,)
    serializer_class = ListingSerializer

    @extend_schema(responses=ListingSerializer)
    @action(detail=True, parser_classes=[MultiPartParser])
    def files(self, request: Request, **_kwargs: Any) -> Response:
        """All files and folders on the unit."""
        device = self.ours(Right.FILES)
        listing = _done(lambda: unit_files.list_files(device, who=request.user, now=timezone.now()))
        entries = list(entries_of(listing))
        return Response(ListingSerializer({"active_folder": listing.active_folder, "entries": entries}).data)

    @extend_schema(request=FileUpload, responses={201: PathSerializer})
    @files.mapping.post
    def upload(self, request: Request, **_kwargs: Any) -> Response:
        """Send a file into a folder of the unit, which checks its hash."""
        device = self.ours(Right.FILES)
        given = sent(FileUpload, request)
        upload = given["file"]
        if upload.size > MAX_UPLOAD_BYTES:
            sentence = _("Has more bytes than the flash of a unit. Nothing was changed.")
            raise serializers.ValidationError({"file": [sentence]})
        path = _done(
            lambda: unit_files.upload(
                device,
                given["folder"],
                upload.name,
                upload.read(),
                who=request.user,
                now=timezone.now(),
                replace=given["replace"],
            )
        )
        return Response({"path": path}, status=201)

    @extend_schema(parameters=[Path], responses={204: None})
    @files.mapping.delete
    def delete(self, request: Request, **_kwargs: Any) -> Response:
        """Remove a file."""
        device, path = self.ours(Right.FILES), _path(request)
        _done(lambda: unit_files.delete(device, path, who=request.user, now=timezone.now()))
        return Response(status=204)

    @extend_schema(parameters=[Path], responses=TextSerializer)
    @action(detail=True, url_path="files/text")
    def text(self, request: Request, **_kwargs: Any) -> Response:
        """The content of a text file; units offer no others."""
        device, path = self.ours(Right.FILES), _path(request)
        text = _done(lambda: unit_files.view(device, path, who=request.user, now=timezone.now()))
        return Response({"path": path, "text": text})

    @extend_schema(parameters=[Path], responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="files/download")
    def download(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The same as a file."""
        device, path = self.ours(Right.FILES), _path(request)
        content = _done(lambda: unit_files.download(device, path, who=request.user, now=timezone.now()))
        plain = "".join(c for c in path.rpartition("/")[2] if c.isascii() and (c.isalnum() or c in "._-"))
        return as_file(content, plain or "file")

    @extend_schema(request=PathSerializer, responses={201: PathSerializer})
    @action(detail=True, methods=["post"])
    def folders(self, request: Request, **_kwargs: Any) -> Response:
        """Make a folder in one that is there."""
        device, path = self.ours(Right.FILES), sent(PathSerializer, request)["path"]
        made = _done(lambda: unit_files.make_folder(device, path, who=request.user, now=timezone.now()))
        return Response({"path": made}, status=201)

    @extend_schema(parameters=[Path], responses={204: None})
    @folders.mapping.delete
    def remove_folder(self, request: Request, **_kwargs: Any) -> Response:
        """Remove an empty folder."""
        device, path = self.ours(Right.FILES), _path(request)
        _done(lambda: unit_files.remove_folder(device, path, who=request.user, now=timezone.now()))
        return Response(status=204)


def entries_of(listing: Listing) -> Iterator[dict[str, object]]:
    """Every path of the unit in order; those of folders without their closing slash."""
    for path in sorted(listing.paths):
        plain = path.rstrip("/")
        if plain:
            yield {"path": plain, "folder": path.endswith("/"), "protected": listing.is_protected(plain)}


def _path(request: Request) -> str:
    asked = Path(data=request.query_params)
    asked.is_valid(raise_exception=True)
    path: str = asked.validated_data["path"]
    return path


def _done(act: Callable[[], Result]) -> Result:
    try:
        return act()
    except UnitError as error:
        raise refused_or_failed("path", error, _REFUSALS) from error
