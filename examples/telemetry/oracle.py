#!/usr/bin/env python3
"""What the telemetry domain must make of a file of readings, by other means: the published file, the rules in Python, and nothing of weir.

    oracle.py outcomes|hour|day|alert [FILE]     one row a line, tab separated, sorted; FILE: data/air-quality.csv, or its lines in another order

Values are ten-thousandths, times of hours and alerts Unix milliseconds; all is UTC. An alert is of CO: above 4 it begins, below 2 it ends."""
import collections
import csv
import datetime
import decimal
import os
import sys

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "air-quality.csv")
SENSORS = {"CO(GT)": "co", "PT08.S1(CO)": "co_sensor", "NMHC(GT)": "nmhc", "C6H6(GT)": "benzene", "PT08.S2(NMHC)": "nmhc_sensor", "NOx(GT)": "nox",
           "PT08.S3(NOx)": "nox_sensor", "NO2(GT)": "no2", "PT08.S4(NO2)": "no2_sensor", "PT08.S5(O3)": "o3_sensor", "T": "celsius",
           "RH": "humidity", "AH": "absolute_humidity"}
HIGH, LOW, LATE_MS, HOUR_MS = 40000, 20000, 48 * 3600 * 1000, 3600 * 1000


def readings(path):
    """(time in milliseconds, {sensor: ten-thousandths}) of each line; a sensor that is missing has no value."""
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            at = datetime.datetime.strptime(row["Date"] + row["Time"], "%d/%m/%Y%H.%M.%S").replace(tzinfo=datetime.timezone.utc)
            values = {}
            for column, sensor in SENSORS.items():
                value = decimal.Decimal(row[column].replace(",", ".")) if row[column] else None
                if value is not None and value != -200:
                    values[sensor] = int(value * 10000)
            yield int(at.timestamp()) * 1000, values


class Device:
    def __init__(self):
        self.outcomes = collections.Counter()
        self.counted = set()
        self.newest = 0
        self.hour, self.day, self.alert = {}, {}, []

    def read(self, at, values):
        if at < self.newest - LATE_MS:
            self.outcomes["too-late"] += 1
            return
        self.outcomes["accepted"] += 1
        if at in self.counted:
            self.outcomes["of them ignored"] += 1
            return
        self.counted.add(at)
        day = datetime.datetime.fromtimestamp(at / 1000, datetime.timezone.utc).strftime("%Y-%m-%d")
        for sensor, value in values.items():
            for table, key in ((self.hour, (sensor, at - at % HOUR_MS)), (self.day, (sensor, day))):
                n, total, low, high = table.get(key, (0, 0, value, value))
                table[key] = (n + 1, total + value, min(low, value), max(high, value))
        if at > self.newest:
            self.newest = at
            self.watch(at, values.get("co"))

    def watch(self, at, value):
        raised = bool(self.alert) and self.alert[-1][1] is None
        if value is not None and not raised and value > HIGH:
            self.alert.append([at, None])
        elif value is not None and raised and value < LOW:
            self.alert[-1][1] = at

    def rows(self, what):
        if what == "outcomes":
            return sorted([code, n] for code, n in self.outcomes.items())
        return self.alert if what == "alert" else sorted([*key, *values] for key, values in getattr(self, what).items())


def device_of(*paths):
    """One device that has read these files, one after the other."""
    device = Device()
    for path in paths:
        for at, values in readings(path):
            device.read(at, values)
    return device


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("outcomes", "hour", "day", "alert"):
        sys.exit(__doc__)
    for row in device_of(*(sys.argv[2:] or [PUBLISHED])).rows(sys.argv[1]):
        print(*("" if value is None else value for value in row), sep="\t")


if __name__ == "__main__":
    main()
