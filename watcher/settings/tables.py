"""Every setting: its name, default, bounds and meaning. What must hold between tables stands in `whole`.

Whether the name template makes sense is for those who use it to say.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from watcher import locate
from watcher.settings import amounts

GB = 10**9

Bytes = Annotated[int, BeforeValidator(amounts.parse_bytes), PlainSerializer(amounts.bytes_text, when_used="json")]
Folder = Annotated[str, PlainValidator(amounts.parse_path)]
OptionalFile = Annotated[str, PlainValidator(amounts.parse_optional_path)]
Timezone = Annotated[str, AfterValidator(amounts.check_timezone)]
Umask = Annotated[int, PlainValidator(amounts.parse_umask), PlainSerializer(amounts.umask_text, when_used="json")]
Size = Annotated[str, PlainValidator(amounts.parse_size), PlainSerializer(amounts.size_text, when_used="json")]
Crop = Annotated[tuple[int | str, ...], PlainValidator(amounts.parse_crop), PlainSerializer(list, when_used="json")]
Colour = Annotated[str, PlainValidator(amounts.parse_colour)]
RecipeName = Annotated[str, AfterValidator(amounts.parse_recipe_name)]
Words = Annotated[str, AfterValidator(amounts.check_words)]
Prefix = Annotated[str, AfterValidator(amounts.check_prefix)]
Shift = Annotated[str, AfterValidator(amounts.check_shift)]


class Table(BaseModel):
    """What the tables of the file have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        # `count = true` would be taken for 1
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError(f"must not be {str(value).lower()}")
        return value


class Library(Table):
    """Where pictures go, and how they are called there."""

    path: Folder = Field(default=locate.LIBRARY, description="The folder for originals, previews and the catalog.")
    database: OptionalFile = Field(
        default="",
        description='The catalog\'s file; "" is .watcher/watcher.db in the library, and moves with it.',
    )
    name: str = Field(
        default="{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}",
        min_length=1,
        description="How an original is filed: by the time it was taken and the name it came with.",
    )
    umask: Umask = Field(
        default=0o022,
        validate_default=False,  # a file has text of octal digits
        description='Rights that new files do not give: "022" lets all read, "027" the group, "077" nobody.',
    )
    timezone: Timezone = Field(
        default="",
        description='For times in UTC without a place, such as "Europe/Lisbon"; "" is the machine\'s.',
    )
    trash_days: int = Field(
        default=30, ge=0, le=36500, description="How many days the library's trash keeps what was removed."
    )
    history_days: int = Field(
        default=90,
        ge=0,
        le=36500,
        description="How many days finished jobs are kept; what became of pictures is known on. 0 keeps all for ever.",
    )

    @field_validator("database")
    @classmethod
    def _in_the_library(cls, value: str, info: ValidationInfo) -> str:
        return value or locate.database_of(info.data.get("path", ""))


class Inbox(Table):
    """A folder to drop pictures into. Repeat the table, [[inbox]] and all, for each further folder."""

    name: str = Field(default="", description='What status and the catalog call it; "" is the folder\'s own name.')
    path: Folder = Field(
        default="~/Pictures/Inbox", description="The folder; what is dropped there is moved into the library."
    )
    mode: Literal["auto", "events", "scan"] = Field(
        default="auto",
        description='How new files are noticed: "events" of the system, or a "scan" now and then (auto: on networks).',
    )
    take: Literal["move", "copy"] = Field(
        default="move", description='"move" takes files out of the folder; "copy" never changes anything in it.'
    )
    marker: str = Field(
        default="", description='A file in it, such as ".mounted", without which it counts as not there; "" asks none.'
    )
    ignore: list[str] = Field(
        default=[],
        description='Names to leave alone beside the built-in ones, such as ["*.part", "private"].',
    )
    videos: Literal["store", "fail"] = Field(
        default="store", description='"store" keeps videos as they are, without renditions; "fail" refuses them.'
    )
    other: Literal["fail", "store", "leave"] = Field(
        default="fail",
        description='What is no picture, video, zip or sidecar: "fail" is failed/, "leave" lets it lie in the inbox.',
    )
    recipes: list[str] = Field(
        default=["preview", "thumb"],
        description="Which renditions its pictures get, by the names of [recipes.NAME].",
    )
    title: Words = Field(
        default="", description="The title of its pictures, in place of their own; {prefix} and {seq} are filled in."
    )
    description: Words = Field(default="", description="The same for their description.")
    keywords: list[Words] = Field(default=[], description="Keywords that they get beside their own.")
    prefix: Prefix = Field(
        default="",
        description='What its pictures are called, such as "lisbon"; a number follows. "" keeps their names.',
    )
    shift: Shift = Field(
        default="",
        description='By how much the camera\'s clock is put right, such as "-23m" or "1d2hr3m4s", in the file too.',
    )
    upright: bool = Field(
        default=False, description="Whether JPEGs that lie on their side are turned, without loss (needs jpegtran)."
    )
    touch: bool = Field(
        default=False,
        description="Whether a file's time becomes the date taken, and EXIF's DateTime its DateTimeOriginal.",
    )


class Recipe(Table):
    """A rendition: another copy of each picture, mostly a smaller one, in a folder with its name."""

    size: Size = Field(
        default="1600",
        description='Pixels: 1600 is the long side, "300x300" a box, "800x" the width, "x600" the height.',
    )
    mode: Literal["fit", "fill", "stretch"] = Field(
        default="fit",
        description='"fit" shows the whole picture; "fill" cuts it to fill the box, "stretch" bends it to the box.',
    )
    quality: int = Field(
        default=82, ge=1, le=95, description="Quality of JPEG, WebP and AVIF, 1 to 95: higher is finer and larger."
    )
    crop: Crop = Field(
        default=(),
        description='The part to take: left, top, right, bottom, as pixels or percent: [4, "20%", 154, "60%"].',
    )
    enlarge: bool = Field(default=False, description="Whether small pictures are enlarged to the size.")
    format: Literal["jpeg", "png", "webp", "avif", "same"] = Field(
        default="jpeg",
        description='jpeg, png, webp or avif; "same" keeps the original\'s where it is one of these.',
    )
    background: Colour = Field(
        default="",
        description='The colour behind what is transparent, such as "#ffffff"; "" keeps that, or is white in a JPEG.',
    )
    progressive: bool = Field(default=False, description="Whether a JPEG loads coarse at first, then finer.")
    metadata: Literal["none", "essentials", "all"] = Field(
        default="none",
        description='"essentials" keeps date, title, creator and copyright, "all" whatever the original says.',
    )
    gps: bool = Field(default=False, description="Whether the metadata say where the picture was taken.")

    @field_validator("mode")
    @classmethod
    def _box_to_fill(cls, value: str, info: ValidationInfo) -> str:
        width, across, height = info.data.get("size", "1x1").partition("x")
        if value != "fit" and not (width and across and height):
            raise ValueError(f'"{value}" needs a box to fill, such as size = "300x300"')
        return value

    @field_validator("gps")
    @classmethod
    def _metadata_for_gps(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("metadata") == "none":
            raise ValueError('needs metadata = "essentials" or "all" to be kept in')
        return value


class Intake(Table):
    """When a file is complete. One with a proper end is taken at once; others wait for quiet."""

    settle_seconds: float = Field(
        default=2.0, ge=0, le=3600, description="Quiet that a file of a format without an end (TIFF) needs."
    )
    incomplete_seconds: float = Field(
        default=30.0,
        ge=0,
        le=86400,
        description="Quiet after which a file that looks cut off is taken and judged.",
    )
    batch_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86400,
        description="Quiet after which a dropped folder counts as copied to its end.",
    )
    rescan_seconds: float = Field(
        default=300.0,
        ge=1,
        le=86400,
        description="How often to look for files that nobody announced; on networks it is every few seconds.",
    )
    max_claims: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="How many files to take ahead of the work; the rest wait in the inbox.",
    )


class Workers(Table):
    """The processes that read, render and store pictures."""

    count: int = Field(default=0, ge=0, le=512, description="How many work at a time; 0 is one a core.")
    task_seconds: float = Field(
        default=120.0,
        gt=0,
        le=86400,
        description="How long one picture may take before its worker is stopped.",
    )
    max_memory: Bytes = Field(
        default=2 * GB,
        ge=256_000_000,
        le=2**62,
        description="How much memory one worker may have, at least 256MB.",
    )
    recycle_after: int = Field(
        default=1000,
        ge=1,
        le=10**9,
        description="Pictures after which a worker is replaced, lest memory leaks add up.",
    )
    stop_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long a stop waits for pictures in work; the rest run again later.",
    )

    @field_validator("count")
    @classmethod
    def _one_a_core(cls, value: int) -> int:
        return value or len(os.sched_getaffinity(0))


class Retry(Table):
    """What happens to a file when a try failed for a reason that may pass."""

    attempts: int = Field(default=3, ge=1, le=100, description="How many tries a file has before it goes to failed/.")
    first_seconds: float = Field(
        default=5.0,
        ge=0,
        le=86400,
        description="The wait before the second try; it grows with each further one.",
    )
    max_seconds: float = Field(default=600.0, ge=0, le=86400, description="The longest wait between two tries.")


class Limits(Table):
    """What one file may cost. A file beyond a limit goes to failed/, and its error file names the limit."""

    max_file_bytes: Bytes = Field(default=4 * GB, ge=1, le=2**62, description="The largest file taken for a picture.")
    max_pixels: int = Field(
        default=10**9, ge=1, le=2**40, description="The largest picture: its width times its height."
    )
    max_decoded_bytes: Bytes = Field(
        default=GB,
        ge=1,
        le=2**62,
        description="The most memory for one decoded picture; less than workers.max_memory.",
    )
    zip_members: int = Field(default=100_000, ge=1, le=10**7, description="The most files that a zip may hold.")
    zip_bytes: Bytes = Field(
        default=200 * GB, ge=1, le=2**62, description="The most that a zip may hold once unpacked."
    )
    zip_ratio: int = Field(
        default=200,
        ge=1,
        le=10**6,
        description="How many times its own size a zip may unpack to; bombs go beyond.",
    )
    zip_depth: int = Field(default=3, ge=1, le=100, description="How many zips may lie within one another.")
    zip_seconds: float = Field(
        default=600.0, gt=0, le=86400, description="How long unpacking one file of a zip may take."
    )


class Log(Table):
    """What the daemon says, on stderr or in the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least weighty messages to show: debug, info, warning or error."
    )
    format: Literal["text", "json"] = Field(
        default="text", description='"text" is for people, "json" is one object a line, for programs.'
    )
