# SPDX-License-Identifier: Apache-2.0
# air-quality.csv as comma-separated lines with a decimal point and one column for date and time.
#     awk -v device=station -f convert.awk data/air-quality.csv
# Only the form changes: a missing reading stays -200, since what that means is a rule of the device.
BEGIN {
    FS = ";"
    print "device_id,measured_at_ms,co,co_sensor,nmhc,benzene,nmhc_sensor,nox,nox_sensor,no2,no2_sensor,o3_sensor,celsius,humidity,absolute_humidity"
}
{ sub(/\r$/, "") }
FNR > 1 && $1 != "" {
    split($1, day, "/")
    gsub(/\./, ":", $2)
    line = device "," day[3] "-" day[2] "-" day[1] " " $2
    for (i = 3; i <= 15; i++) {
        gsub(/,/, ".", $i)
        line = line "," $i
    }
    print line
}
