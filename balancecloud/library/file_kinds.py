"""What kinds of files people tell apart, by the end of the name alone: contents are sealed."""

from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, literal

OTHER: Final = "other"
# Folded names are compared, so all are lower case.
_LISTED: Final = {
    "picture": "avif bmp cr2 cr3 dng gif heic heif jfif jpe jpeg jpg nef orf png psd raf raw rw2"
    " svg tif tiff webp xcf",
    "video": "3gp avi m2ts m4v mkv mov mp4 mpeg mpg mts ogv webm wmv",
    "audio": "aac aif aiff flac m4a mid mp3 oga ogg opus wav wma",
    "document": "csv doc docx epub htm html key md numbers odp ods odt pages pdf ppt pptx rtf tex"
    " txt xls xlsx",
    "archive": "7z bz2 gz img iso rar tar tgz xz zip zst",
}
KINDS: Final = (*_LISTED, OTHER)


def kind_of(folded: ColumnElement[Any]) -> ColumnElement[str]:
    """Return, in a query, the kind that the end of a folded name tells."""
    end = func.substring(folded, r"\.([a-z0-9]{1,8})$")
    whens = ((end.in_(listed.split()), literal(kind)) for kind, listed in _LISTED.items())
    return case(*whens, else_=literal(OTHER))
