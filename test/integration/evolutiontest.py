# SPDX-License-Identifier: Apache-2.0
"""One module in its versions (test/evolution): what is sent to each, and what each later version must show of all of it."""
import pathlib
import tarfile
import time

from weirtest import BUILD, TOP

EVOLUTION = BUILD / "test/evolution"
GOLDEN = TOP / "test/evolution/golden"
PARCELS = 12  # that each version writes
BREAKS = (  # of v3, each with rule and field
    "FIELD_NO_DELETE_UNLESS_NAME_RESERVED parcel.v1.Deliver.remark: ", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED parcel.v1.Deliver.remark: ",
    "FIELD_WIRE_JSON_COMPATIBLE_TYPE parcel.v1.Delivered.remark: it was string and is bytes now",
    "FIELD_SAME_NAME parcel.v1.Post.service: its number 5 is called delivery now")


def module(version):
    return EVOLUTION / f"parcel_{version}.so"


def parcels(writer):
    """What a version writes: every fourth parcel is for somebody without a city, every third is delivered, with a
    remark that v4 gives up."""
    for i in range(PARCELS):
        recipient = "Bob" if i % 4 == 3 else f"Ada {i}, London"
        yield {"key": f"{writer}-{i:02}", "writer": writer, "recipient": recipient, "weight_g": 100 + i,
               "note": "" if writer == "v4" or i % 2 else f"note {i}", "signed_by": f"Eve {i}" if i % 3 == 0 else None}


def write(client, writer):
    """Sends them. Each command has an id: sent again, it changes nothing."""
    for parcel in parcels(writer):
        fields = {"parcelId": parcel["key"], "recipient": parcel["recipient"], "weightG": parcel["weight_g"]}
        if writer != "v4":
            fields["note"] = parcel["note"]
        sent = [client.send("parcel.v1.Post", f"post {parcel['key']}", **fields)]
        if parcel["signed_by"] is not None:
            sent.append(client.send("parcel.v1.Deliver", f"deliver {parcel['key']}", parcelId=parcel["key"], signedBy=parcel["signed_by"],
                                    remark="at the door"))
        for status, _, body in sent:
            if status != 200:
                raise AssertionError(f"{parcel['key']}: {status} {body}")


def address(parcel):
    """(name, city). v4 itself splits nothing: its upcast does."""
    name, _, city = parcel["recipient"].partition(", ") if parcel["writer"] != "v4" else (parcel["recipient"], "", "")
    return name, city


def state(parcel, version):
    delivered = parcel["signed_by"] is not None
    if version == "v1":
        return {"recipient": parcel["recipient"], "weightG": str(parcel["weight_g"]), "delivered": delivered}
    name, city = address(parcel)
    shown = {"to": {"name": name, "city": city}, "weightMg": str(1000 * parcel["weight_g"]), "delivered": delivered}
    return shown if version == "v2" else shown | {"notes": 1 if parcel["note"] else 0}


def row(parcel, version):
    if version == "v1":
        return {"parcel_id": parcel["key"], "recipient": parcel["recipient"], "weight_g": parcel["weight_g"], "note": parcel["note"],
                "signed_by": parcel["signed_by"]}
    name, city = address(parcel)
    shown = {"parcel_id": parcel["key"], "name": name, "city": city, "weight_mg": 1000 * parcel["weight_g"], "signed_by": parcel["signed_by"]}
    notes = f'["{parcel["note"]}"]' if parcel["note"] else "[]"
    return shown | ({"note": parcel["note"]} if version == "v2" else {"notes": notes})


def history(parcel, version):
    """Types of its events as shown, each with what was stored, if that is another."""
    newest = {"v1": "Posted", "v2": "PostedTo", "v4": "PostedFor"}
    shown = [(f"parcel.v1.{newest[version]}", None if parcel["writer"] == version else f"parcel.v1.{newest[parcel['writer']]}")]
    return shown + ([("parcel.v1.Delivered", None)] if parcel["signed_by"] is not None else [])


def rows(client, n):
    """All rows of the view, once it has n; it may be building."""
    until = time.monotonic() + 60
    while True:
        status, _, found = client.get("/views/parcels/parcels", order="parcel_id", limit=1000)
        if (status == 200 and len(found) >= n) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def view_is_current(client):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        _, _, views = client.get("/views")
        if all(view["state"] == "following" and view["lagEvents"] == 0 for view in views["views"]):
            return
        time.sleep(0.02)
    raise AssertionError(f"the view doesn't follow: {views}")


def compare(case, client, version, writers):
    """States, rows and histories of all that the writers wrote, as this version shows them. Returns how many parcels."""
    expected = sorted((parcel for writer in writers for parcel in parcels(writer)), key=lambda parcel: parcel["key"])
    view_is_current(client)
    case.assertEqual(rows(client, len(expected)), [row(parcel, version) for parcel in expected])
    for parcel in expected:
        _, _, body = client.get(f"/aggregates/parcel/{parcel['key']}")
        case.assertEqual(body["state"], state(parcel, version), parcel)
        _, _, body = client.get(f"/aggregates/parcel/{parcel['key']}/events")
        case.assertEqual([(event["type"], event.get("was")) for event in body["events"][::-1]], history(parcel, version), parcel)
    return len(expected)


def unpack(name, to):
    with tarfile.open(GOLDEN / f"{name}.tar.gz") as archive:
        archive.extractall(to, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(to)
    return pathlib.Path(to)
