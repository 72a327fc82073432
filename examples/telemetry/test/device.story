test an alert begins above high and ends only below low
given DeviceRegistered device_id=d limits={"sensor": "co", "high": 5, "low": 3}
when  RecordReading device_id=d measured_at_ms=1000 co=6
then  ReadingRecorded
and   AlertRaised device_id=d measured_at_ms=1000 value=6
when  RecordReading device_id=d measured_at_ms=2000 co=4
then  ReadingRecorded
rows  rollup.open_alerts
      | d | 1000 |
when  RecordReading device_id=d measured_at_ms=3000 co=2
then  ReadingRecorded
and   AlertCleared device_id=d measured_at_ms=3000 value=2
rows  rollup.by_day
      | d | co | 1970-01-01 | 3 | 120000 | 20000 | 60000 |

test late counts for 48 hours, a repeat never, older is refused
given DeviceRegistered device_id=d
when  RecordReading device_id=d measured_at_ms=172801000 co=1
then  ReadingRecorded
when  RecordReading device_id=d measured_at_ms=1000 co=2
then  ReadingRecorded
when  RecordReading device_id=d measured_at_ms=1000 co=2
then  nothing
when  RecordReading device_id=d measured_at_ms=999 co=2
then  rejected too-late

test what is refused
when  RecordReading device_id=d measured_at_ms=1000 co=2
then  rejected unknown-device
when  RegisterDevice device_id=d limits={"sensor": "co", "high": 1, "low": 3}
then  rejected bad-limits
given DeviceRegistered device_id=d
when  RegisterDevice device_id=d
then  rejected exists
when  RecordReading device_id=d measured_at_ms=0 co=2
then  rejected bad-time
when  RecordReading device_id=d measured_at_ms=1000 co=1e7
then  rejected bad-value

test -200 is missing
given DeviceRegistered device_id=d
when  RecordReading device_id=d measured_at_ms=1000 co=-200 nox=3
then  ReadingRecorded
rows  rollup.by_hour
      | d | nox | 0 | 1 | 30000 | 30000 | 30000 |
