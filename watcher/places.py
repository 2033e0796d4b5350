"""Where the sample photographs were taken and with what: true places, true cameras, painted light.

Owns this table only. Positions are decimal degrees, WGS 84; file names are in each maker's own manner.
"""

from __future__ import annotations

from dataclasses import dataclass

from watcher.painting import (
    DAWN,
    DUSK,
    EVENING,
    GREY,
    MORNING,
    NIGHT,
    NOON,
    SNOW,
    Layer,
    Light,
    aurora,
    city,
    clouds,
    flowers,
    lake,
    land,
    sea,
    stars,
    trees,
)


@dataclass(frozen=True, slots=True)
class Camera:
    """`wide_open` and `closed`: f-numbers for little and for much light; `frame`: width and height in px."""

    make: str
    model: str
    lens: str
    focal_mm: float
    wide_open: float
    closed: float
    frame: tuple[int, int]
    file_name: str


@dataclass(frozen=True, slots=True)
class Place:
    """`taken`: local time with its offset; `name`: the file's, where a person gave it one, else empty."""

    taken: str
    latitude: float
    longitude: float
    altitude_m: int
    light: Light
    layers: tuple[Layer, ...]
    title: str
    description: str
    keywords: str
    name: str = ""


CAMERAS = (
    Camera("Canon", "Canon EOS R6", "RF24-105mm F4 L IS USM", 35, 4, 8, (1620, 1080), "IMG_{n:04}.JPG"),
    Camera("NIKON CORPORATION", "NIKON Z 6_2", "NIKKOR Z 24-70mm f/4 S", 28, 4, 9, (1800, 1200),
           "DSC_{n:04}.JPG"),
    Camera("SONY", "ILCE-7M4", "FE 20mm F1.8 G", 20, 1.8, 8, (1920, 1080), "DSC{n:05}.JPG"),
    Camera("Apple", "iPhone 14 Pro", "iPhone 14 Pro back triple camera 6.86mm f/1.78", 6.86, 1.78, 1.78,
           (1600, 1200), "IMG_E{n:04}.JPG"),
    Camera("Google", "Pixel 7", "Pixel 7 back camera 6.81mm f/1.85", 6.81, 1.85, 1.85, (1632, 1224),
           "PXL_{utc:%Y%m%d_%H%M%S}{ms:03}.jpg"),
    Camera("FUJIFILM", "X-T4", "XF23mmF2 R WR", 23, 2, 8, (1440, 1440), "DSCF{n:04}.JPG"),
    Camera("Panasonic", "DC-G9", "LEICA DG 12-60/F2.8-4.0", 12, 2.8, 5.6, (1600, 1200), "P1{n:06}.JPG"),
)  # fmt: skip

_ALPS = land((104, 112, 128), 0.34, 0.24, 6, haze=0.35, snow=0.36)
_FAR = land((96, 112, 120), 0.48, 0.10, 4, haze=0.6)
_HILLS = land((86, 122, 66), 0.58, 0.08, haze=0.25)
_MEADOW = land((104, 148, 70), 0.72, 0.05, 3)
_SHORE = land((70, 96, 60), 0.60, 0.05, 5, haze=0.3)

PLACES = (
    Place("2024-06-14T20:52:31+01:00", 38.7139, -9.1335, 112, DUSK,
          (clouds, city, sea),
          "Sunset over the Tejo", "Lisbon from the Miradouro da Graça, the last ferry going over",
          "Lisbon;sunset;river;city", "Sunset over the Tejo.jpg"),
    Place("2023-11-19T06:58:04+09:00", 35.0394, 135.7292, 86, DAWN,
          (_FAR, _SHORE, lake, trees),
          "金閣寺の朝", "Kinkaku-ji in Kyoto before the gates open",
          "Kyoto;京都;autumn;temple;lake", "京都の朝.jpg"),
    Place("2022-08-03T14:20:45+00:00", 64.1466, -21.9426, 6, GREY,
          (clouds, _FAR, sea),
          "Harbour of Reykjavík", "Grey sea and Esja in the clouds, seen from the old harbour",
          "Iceland;harbour;sea"),
    Place("2024-02-09T22:41:17+01:00", 69.6492, 18.9553, 21, NIGHT,
          (stars, aurora, land((150, 160, 180), 0.6, 0.12, 5, snow=1), lake),
          "Aurora above Tromsø", "Forty minutes of green light over the fjord",
          "Norway;aurora;night;winter;snow"),
    Place("2023-01-28T12:06:52+02:00", -33.9249, 18.4241, 18, NOON,
          (land((128, 118, 112), 0.36, 0.22, 5, haze=0.2, flat=0.28), sea),
          "Table Mountain", "Cape Town, the cloth is off the table",
          "Cape Town;mountain;sea", "Table Mountain.png"),
    Place("2022-05-21T19:33:09-03:00", -23.5505, -46.6333, 791, EVENING,
          (clouds, city),
          "São Paulo à noite", "Da cobertura do Edifício Itália",
          "Brasil;São Paulo;city;night", "São Paulo à noite.jpg"),
    Place("2023-09-30T10:14:26+02:00", 47.3667, 8.5450, 406, MORNING,
          (_ALPS, _SHORE, lake),
          "Zürichsee", "Clear morning after the storm: the Alps behind the lake",
          "Zürich;lake;mountains", "Zürichsee.webp"),
    Place("2021-07-08T06:11:40-06:00", 51.3217, -116.1860, 1884, DAWN,
          (_ALPS, lake, trees),
          "Moraine Lake at sunrise", "Ten peaks, no wind, cold fingers",
          "Canada;Banff;lake;sunrise;mountains"),
    Place("2022-03-16T17:58:13+01:00", 31.0802, -4.0133, 702, DUSK,
          (land((226, 160, 96), 0.54, 0.08, 2, haze=0.3), land((214, 140, 76), 0.68, 0.12, 2)),
          "Dunes of Erg Chebbi", "An hour from Merzouga by camel",
          "Morocco;desert;dunes;sunset"),
    Place("2023-12-22T17:02:48-05:00", 40.7484, -73.9857, 320, EVENING,
          (stars, city),
          "Manhattan lights up", "From the 86th floor",
          "New York;city;night;winter"),
    Place("2024-05-02T20:14:55+03:00", 36.4618, 25.3753, 150, DUSK,
          (clouds, _FAR, sea),
          "Oía, waiting for the sun to go down", "Santorini, the whole village on the wall",
          "Greece;sunset;sea;island"),
    Place("2023-03-04T08:47:21+01:00", 67.9324, 13.0887, 4, MORNING,
          (_ALPS, land(SNOW, 0.62, 0.04, 5), lake),
          "Reine in March", "Lofoten: snow down to the water",
          "Norway;snow;fjord;mountains"),
    Place("2022-12-11T05:52:37-03:00", -50.9423, -73.4068, 210, DAWN,
          (_ALPS, _HILLS, _MEADOW),
          "Torres del Paine", "Base camp, first light on the towers",
          "Chile;Patagonia;mountains;sunrise"),
    Place("2024-04-06T18:39:02+09:00", 35.6595, 139.7005, 38, EVENING,
          (city,),
          "渋谷", "Shibuya crossing in the rain, from the station",
          "Tokyo;東京;city;night", "渋谷 2024.jpg"),
    Place("2021-10-17T11:25:33+02:00", 47.5622, 13.6493, 511, GREY,
          (clouds, _FAR, _HILLS, lake),
          "Hallstatt im Oktober", "Nebel, Enten, keine Busse",
          "Austria;lake;autumn"),
    Place("2023-07-01T09:18:50+02:00", 43.8370, 5.9785, 590, MORNING,
          (clouds, _FAR, _HILLS, flowers((132, 96, 190), (104, 80, 160), (96, 124, 70))),
          "Valensole in July", "Lavender as far as the road goes",
          "Provence;lavender;summer"),
    Place("2024-04-21T13:05:11+02:00", 52.2697, 4.5462, -2, NOON,
          (clouds, _SHORE, flowers((214, 40, 52), (244, 200, 40), (236, 120, 160))),
          "Tulips near Lisse", "Below the level of the sea, and in full bloom",
          "Netherlands;tulips;spring"),
    Place("2022-10-09T15:44:29-07:00", 37.7456, -119.5936, 1219, MORNING,
          (_ALPS, _HILLS, trees),
          "El Capitan meadow", "Climbers on the wall, if you look long enough",
          "Yosemite;mountains;autumn;forest"),
    Place("2023-02-25T07:31:44+07:00", 20.9101, 107.1839, 3, GREY,
          (land((96, 120, 112), 0.5, 0.2, 7, haze=0.55), land((80, 108, 92), 0.6, 0.16, 7, haze=0.3), sea),
          "Vịnh Hạ Long", "Ha Long Bay, the second morning on the boat",
          "Vietnam;sea;island;fog"),
    Place("2021-08-22T16:10:58+01:00", 55.9486, -3.1999, 97, GREY,
          (clouds, _HILLS, city),
          "Edinburgh, Old Town", "From Calton Hill between two showers",
          "Scotland;city;festival"),
    Place("2022-04-13T12:37:06-02:00", 64.1814, -51.6941, 12, NOON,
          (_ALPS, land(SNOW, 0.64, 0.05, 5), sea),
          "Nuuk, spring", "Ice going out of the fjord",
          "Greenland;snow;ice;sea"),
    Place("2024-07-18T17:49:23+09:30", -25.3444, 131.0369, 513, DUSK,
          (land((196, 84, 48), 0.46, 0.2, 3, flat=0.42), land((170, 120, 70), 0.66, 0.02, 5)),
          "Uluru at dusk", "Red, then violet, then gone within ten minutes",
          "Australia;desert;sunset"),
    Place("2023-05-13T05:36:15+03:00", 41.0256, 28.9744, 35, DAWN,
          (city, sea),
          "İstanbul'da sabah", "Galata bridge with the first anglers",
          "Istanbul;city;sea;sunrise"),
    Place("2021-12-28T16:21:34+01:00", 46.5586, 12.1356, 2140, EVENING,
          (stars, _ALPS, land(SNOW, 0.68, 0.05), trees),
          "Hut in the Dolomites", "Cortina below us, soup in front of us",
          "Italy;snow;winter;mountains"),
)  # fmt: skip
